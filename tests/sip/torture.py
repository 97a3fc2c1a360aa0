"""Messages after the descriptions of RFC 4475 and RFC 5118, each with what the switch has to answer.

They are sent by the peer of a trunk, so that what is well formed gets as far as routing: 404 means that the
message was understood and its number is not known here. 0 is silence, and `stream` what differs on a stream,
where a message without a usable length has no end: 400 or 513, and the connection is closed.
"""

from __future__ import annotations

from dataclasses import dataclass

SDP = """v=0
o=mhandley 29739 7272939 IN IP4 192.0.2.3
s=-
c=IN IP4 192.0.2.4
t=0 0
m=audio 49217 RTP/AVP 0 12
m=video 3227 RTP/AVP 31
a=rtpmap:31 LPC
"""


@dataclass(frozen=True)
class Torture:
    """`section` is that of the RFC; `answer` the final status, 0 for none."""

    section: str
    data: bytes
    answer: int
    stream: int | None = None

    @property
    def on_stream(self) -> int:
        return self.answer if self.stream is None else self.stream


def message(head: str, body: str = "", *, length: bool = True) -> bytes:
    """Lines as they go over the wire, `\\n` as CR LF; the length is added unless the case is about it."""
    content = body.replace("\n", "\r\n").encode("latin-1")
    lines = head.strip("\n") + "\n" + (f"Content-Length: {len(content)}\n" if length else "")
    return lines.replace("\n", "\r\n").encode("latin-1") + b"\r\n" + content


def plain(
    start: str = "OPTIONS sip:user@example.com SIP/2.0",
    extra: str = "",
    body: str = "",
    *,
    length: bool = True,
    **changed: str | None,
) -> bytes:
    """A request with one thing made special; keywords replace headers (Call_ID=…), None leaves one out."""
    method = start.split(" ", 1)[0]
    headers: dict[str, str | None] = {
        "Via": "SIP/2.0/UDP t1.example.com;branch=z9hG4bKtorture",
        "From": "<sip:caller@example.net>;tag=torture",
        "To": "<sip:user@example.com>",
        "Call-ID": "torture@example.net",
        "CSeq": f"8 {method}",
        "Max-Forwards": "70",
        "Contact": "<sip:caller@t1.example.com>",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    lines = "".join(f"{name}: {value}\n" for name, value in headers.items() if value is not None)
    return message(f"{start}\n{lines}{extra}", body, length=length)


def invite(
    uri: str = "sip:user@example.com", extra: str = "", body: str = SDP, **changed: str | None
) -> bytes:
    return plain(f"INVITE {uri} SIP/2.0", f"Content-Type: application/sdp\n{extra}", body, **changed)


def response(start: str, extra: str = "", **changed: str | None) -> bytes:
    return plain(start, extra, CSeq=changed.pop("CSeq", None) or "8 INVITE", **changed)


TORTUOUS = """INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
TO :
 sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : {}
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33
"""
CHARACTERS = "!interesting-Method0123456789_*+`.%indeed'~"
LONG = "verylong" * 30
MULTIPART = """--7a9cbec02ceef655
Content-Type: text/plain
Content-Transfer-Encoding: binary

Hello
--7a9cbec02ceef655
Content-Type: application/octet-stream
Content-Transfer-Encoding: binary

\x30\x82\x01\x52\x06\x09\x2a\x86
--7a9cbec02ceef655--
"""

# RFC 4475, section 3: name of the case as there.
VALID = {
    "wsinv": Torture("3.1.1.1", message(TORTUOUS.format(len(SDP) + SDP.count("\n")), SDP, length=False), 481),
    "intmeth": Torture(
        "3.1.1.2",
        plain(
            f"{CHARACTERS} sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$"
            "wo~d_too.(doesn't-it)@example.com SIP/2.0",
            "extensionHeader-!.%*+_`'~: \xef\xbb\xbf\xe5\xa4\xa7\xe5\x81\x9c\xe9\x9b\xbb\n",
            Via="SIP/2.0/UDP host1.example.com;branch=z9hG4bK-.!%66*_+`'~",
            To='"BEL:\\\x07 NUL:\\\x01 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy?,/;;*'
            "@example.com>",
            From="token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"\xd1\x80\xd0"
            "\xb0\xd0\xb1\xd0\xbe\";tag=_token~1'+`*%!-.",
            Call_ID="intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
            CSeq=f"139122385 {CHARACTERS}",
            Max_Forwards="255",
        ),
        405,
    ),
    "esc01": Torture(
        "3.1.1.3",
        invite(
            "sip:sips%3Auser%40example.com@example.net",
            To="sip:%75se%72@example.com",
            From="<sip:I%20have%20spaces@example.net>;tag=938",
            Contact="<sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>",
        ),
        404,
    ),
    "escnull": Torture(
        "3.1.1.4",
        plain(
            "REGISTER sip:example.com SIP/2.0",
            "Contact: <sip:%00@host5.example.com>\n",
            To="sip:null-%00-null@example.com",
            From="sip:null-%00-null@example.com;tag=839923423",
            Contact="<sip:%00%00@host5.example.com>",
        ),
        401,
    ),
    "esc02": Torture(
        "3.1.1.5",
        plain(
            "RE%47IST%45R sip:registrar.example.com SIP/2.0",
            "Contact: <sip:alias1@host1.example.com>\nContact: <sip:alias2@host2.example.com>\n",
            To='"%Z%45" <sip:resource@example.com>',
            From='"%Z%45" <sip:resource@example.com>;tag=f232jadfj23',
        ),
        405,
    ),
    "lwsdisp": Torture("3.1.1.6", plain(From="caller<sip:caller@example.com>;tag=323"), 200),
    "longreq": Torture(
        "3.1.1.7",
        invite(
            "sip:user@example.com",
            f"Unknown-{'Long' * 20}-Name: unknown-{LONG}-value; unknown-{LONG}-parameter-name = {LONG}\n"
            + "".join(f"v: SIP/2.0/TCP sip{number}.example.com\n" for number in range(33, -1, -1))
            + f"Via: SIP/2.0/TCP host.example.com;received=192.0.2.5;branch={LONG}\n",
            To=f'"I have a user name of {"extreme" * 10} proportion"<sip:user@example.com:6000;'
            f"unknownparam1={LONG};long{LONG}paramname=shortvalue;very{LONG}ParameterNameWithNoValue>",
            From=f"sip:{LONG}{LONG}name@example.net;tag=12982424{LONG};unknownheaderparam{LONG}name=unknown;"
            f"unknownValueless{LONG}paramname",
            Call_ID=f"longreq.one{'really' * 20}longcallid",
            Contact=f"<sip:{'amazinglylong' * 20}callername@host5.example.net>",
        ),
        404,
    ),
    "dblreq": Torture(
        "3.1.1.8",
        plain() + plain(Call_ID="second@example.net").replace(b"z9hG4bKtorture", b"z9hG4bKsecond"),
        200,
    ),
    "semiuri": Torture("3.1.1.9", plain("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0"), 200),
    "transports": Torture(
        "3.1.1.10",
        plain(
            extra="Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf\n"
            "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj\n"
            "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en\n"
            "Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee\n"
        ),
        200,
    ),
    "mpart01": Torture(
        "3.1.1.11",
        plain(
            "MESSAGE sip:kumiko@example.org SIP/2.0",
            "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655\nMIME-Version: 1.0\n",
            MULTIPART,
        ),
        403,
    ),
    "unreason": Torture(
        "3.1.1.12",
        response(
            "SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe \xd1\x81\xd1\x82\xd0\xbe", To="<sip:x@y.z>;tag=1"
        ),
        0,
    ),
    "noreason": Torture("3.1.1.13", response("SIP/2.0 100 "), 0),
}

INVALID = {
    "badinv01": Torture(
        "3.1.2.1",
        invite(
            Via="SIP/2.0/UDP 192.0.2.15;;,;,,",
            To="sip:j.user@example.com",
            From="sip:caller@example.net;tag=134161461246",
            Contact='"Joe" <sip:joe@example.org>;;;;',
        ),
        404,
    ),
    "clerr": Torture(
        "3.1.2.2",
        plain("INVITE sip:user@example.com SIP/2.0", "Content-Length: 9999\n", SDP, length=False),
        400,
        stream=0,
    ),
    "ncl": Torture(
        "3.1.2.3",
        plain("INVITE sip:user@example.com SIP/2.0", "Content-Length: -999\n", SDP, length=False),
        400,
    ),
    "scalar02": Torture(
        "3.1.2.4",
        plain(
            "REGISTER sip:example.com SIP/2.0",
            "Expires: 10000000000000000000000000000000000000000\n",
            CSeq="36893488147419103232 REGISTER",
            Max_Forwards="300",
            Contact="<sip:user@host129.example.com>;expires=280297596632815",
        ),
        400,
    ),
    "scalarlg": Torture(
        "3.1.2.5",
        response(
            "SIP/2.0 503 Service Unavailable",
            'Retry-After: 949302838503028349304023988\nWarning: 1812 overture "In Progress"\n',
            CSeq="9292394834772304023312 OPTIONS",
        ),
        0,
    ),
    "quotbal": Torture("3.1.2.6", invite(To='"Mr. J. User <sip:j.user@example.com>'), 400),
    "ltgtruri": Torture("3.1.2.7", invite("<sip:user@example.com>"), 400),
    "lwsruri": Torture("3.1.2.8", invite("sip:user@example.com; lr"), 400),
    "lwsstart": Torture("3.1.2.9", plain("INVITE  sip:user@example.com  SIP/2.0"), 400),
    "trws": Torture("3.1.2.10", plain("OPTIONS sip:remote-target@example.com SIP/2.0  "), 400),
    "escruri": Torture("3.1.2.11", invite("sip:user@example.com?Route=%3Csip:example.com%3E"), 404),
    "baddate": Torture("3.1.2.12", invite(extra="Date: Fri, 01 Jan 2010 16:00:00 EST\n"), 404),
    "regbadct": Torture(
        "3.1.2.13",
        plain(
            "REGISTER sip:example.com SIP/2.0", Contact="sip:user@example.com?Route=%3Csip:sip.example.com%3E"
        ),
        401,
    ),
    "badaspec": Torture(
        "3.1.2.14",
        plain("OPTIONS sip:user@example.org SIP/2.0", To='"Watson, Thomas" < sip:t.watson@example.org >'),
        200,
    ),
    "baddn": Torture("3.1.2.15", plain(From="Bell, Alexander <sip:a.g.bell@example.com>;tag=43"), 200),
    "badvers": Torture("3.1.2.16", plain("OPTIONS sip:t.watson@example.org SIP/7.0"), 505),
    "mismatch01": Torture("3.1.2.17", plain(CSeq="8 INVITE"), 400),
    "mismatch02": Torture("3.1.2.18", plain("NEWMETHOD sip:user@example.com SIP/2.0", CSeq="8 INVITE"), 400),
    "bigcode": Torture("3.1.2.19", response("SIP/2.0 4294967301 better not break the receiver"), 0),
}

TRANSACTIONS = {
    "badbranch": Torture("3.2.1", plain(Via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"), 200),
}

APPLICATION = {
    "insuf": Torture("3.3.1", invite(Call_ID=None, From=None, To=None), 0),
    "unkscm": Torture("3.3.2", plain("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0"), 416),
    "novelsc": Torture("3.3.3", plain("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"), 416),
    "unksm2": Torture(
        "3.3.4",
        plain(
            "REGISTER sip:example.com SIP/2.0",
            To="isbn:2983792873",
            From="<http://www.example.com>;tag=3234233",
            Contact="<name:John_Smith>",
        ),
        401,
    ),
    "bext01": Torture(
        "3.3.5",
        plain(
            extra="Require: nothingSupportsThis, nothingSupportsThisEither\n"
            "Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis\n"
        ),
        420,
    ),
    "invut": Torture(
        "3.3.6",
        plain(
            "INVITE sip:user@example.com SIP/2.0",
            "Content-Type: application/unknownformat\n",
            '<audio>\n <pcmu port="443"/>\n</audio>\n',
        ),
        415,
    ),
    "regaut01": Torture(
        "3.3.7",
        plain("REGISTER sip:example.com SIP/2.0", "Authorization: NoOneKnowsThisScheme opaque-data=here\n"),
        401,
    ),
    "multi01": Torture(
        "3.3.8",
        invite(
            extra="CSeq: 59 INVITE\nCall-ID: multi01.98asdh@192.0.2.2\nFrom: sip:other@example.net;tag=3413\n"
            "To: sip:other@example.net\nMax-Forwards: 5\n"
        ),
        400,
    ),
    "mcl01": Torture(
        "3.3.9", plain(extra="Content-Length: 0\nContent-Length: 5\n", body="xxxxx", length=False), 400
    ),
    "bcast": Torture(
        "3.3.10",
        response(
            "SIP/2.0 200 OK",
            Via="SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923",
            To="<sip:user@example.com>;tag=2229",
        ).replace(b"From:", b"Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23\r\nFrom:"),
        0,
    ),
    "zeromf": Torture("3.3.11", plain(Max_Forwards="0"), 200),
    "cparam01": Torture(
        "3.3.12",
        plain("REGISTER sip:example.com SIP/2.0", Contact="sip:+19725552222@gw1.example.net;unknownparam"),
        401,
    ),
    "cparam02": Torture(
        "3.3.13",
        plain("REGISTER sip:example.com SIP/2.0", Contact="<sip:+19725552222@gw1.example.net;unknownparam>"),
        401,
    ),
    "regescrt": Torture(
        "3.3.14",
        plain(
            "REGISTER sip:example.com SIP/2.0",
            Contact="<sip:user@example.com?Route=%3Csip:sip.example.com%3E>",
        ),
        401,
    ),
    "sdp01": Torture("3.3.15", invite(extra="Accept: text/nobodyKnowsThis\n"), 404),
    "inv2543": Torture(
        "3.4.1",
        message(
            "INVITE sip:UserB@example.com SIP/2.0\nVia: SIP/2.0/UDP iftgw.example.com\n"
            "From: <sip:+13035551111@ift.client.example.net;user=phone>\n"
            "Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>\n"
            "To: sip:+16505552222@ss1.example.net;user=phone\nCall-ID: inv2543.1717@ift.client.example.com\n"
            "CSeq: 56 INVITE\nContent-Type: application/sdp",
            SDP,
        ),
        # Without Contact there is nobody to send requests to (RFC 3261 §8.1.1.8).
        400,
    ),
}

SDP6 = """v=0
o=assistant 971731711378798081 0 IN IP6 2001:db8::20
s=Live video feed for today's meeting
c=IN IP6 2001:db8::20
t=3338481189 3370017201
m=audio 6000 RTP/AVP 2
a=rtpmap:2 G726-32/8000
m=video 6024 RTP/AVP 107
a=rtpmap:107 H263-1998/90000
"""
SDP46 = """v=0
o=bob 280744730 28977631 IN IP4 host.example.com
s=
t=0 0
m=audio 22334 RTP/AVP 0
c=IN IP4 192.0.2.1
m=video 6024 RTP/AVP 107
c=IN IP6 2001:db8::1
a=rtpmap:107 H263-1998/90000
"""
VIA6 = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111"

# RFC 5118, section 4.
IPV6 = {
    "ipv6-good": Torture(
        "4.1",
        plain(
            "REGISTER sip:[2001:db8::10] SIP/2.0",
            "CSeq: 98176 REGISTER\n",
            To="sip:user@example.com",
            From="sip:user@example.com;tag=81x2",
            Via=VIA6,
            Contact='"Caller" <sip:caller@[2001:db8::1]>',
            CSeq=None,
        ),
        401,
    ),
    "ipv6-bad": Torture(
        "4.2", plain("REGISTER sip:2001:db8::10 SIP/2.0", Via=VIA6, To="sip:user@example.com"), 400
    ),
    "port-ambiguous": Torture("4.3", plain("REGISTER sip:[2001:db8::10:5070] SIP/2.0", Via=VIA6), 401),
    "port-unambiguous": Torture("4.4", plain("REGISTER sip:[2001:db8::10]:5070 SIP/2.0", Via=VIA6), 401),
    "via-received-param-with-delim": Torture(
        "4.5", plain("BYE sip:[2001:db8::10] SIP/2.0", Via=f"{VIA6};received=[2001:db8::9:255]"), 481
    ),
    "via-received-param-no-delim": Torture(
        "4.5", plain("OPTIONS sip:[2001:db8::10] SIP/2.0", Via=f"{VIA6};received=2001:db8::9:255"), 200
    ),
    "ipv6-in-sdp": Torture("4.6", invite("sip:user@[2001:db8::10]", body=SDP6, Via=VIA6), 404),
    "mult-ip-in-header": Torture(
        "4.7",
        invite(
            "sip:user@host.example.net",
            "Via: SIP/2.0/UDP 192.0.2.1;received=192.0.2.33;branch=z9hG4bKjhja8781hjuaij65144\n"
            "Via: SIP/2.0/TCP [2001:db8::10];branch=z9hG4bK451jj;received=192.0.2.200\n",
            Via=VIA6,
        ),
        404,
    ),
    "mult-ip-in-sdp": Torture("4.8", invite("sip:user@[2001:db8::10]", body=SDP46, Via=VIA6), 404),
    "ipv4-mapped-ipv6": Torture(
        "4.9",
        invite(
            "sip:user@example.com",
            body=SDP6.replace("2001:db8::20", "::ffff:192.0.2.10"),
            Via="SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19",
            Contact='"T. desk phone" <sip:ted@[::ffff:192.0.2.2]>',
        ),
        404,
    ),
    "ipv6-bug-abnf-3-colons": Torture("4.10", plain("OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0"), 200),
}

RFC_4475 = VALID | INVALID | TRANSACTIONS | APPLICATION
RFC_5118 = IPV6
ALL = RFC_4475 | RFC_5118
