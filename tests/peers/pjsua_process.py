"""One pjsua2 endpoint, driven by JSON lines on standard input and telling what happens on standard output.

Its own process, because pjsua2 allows one endpoint a process and is touched from one thread only.
"""

from __future__ import annotations

import json
import os
import select
import sys
from pathlib import Path
from typing import Any

import pjsua2 as pj

Settings = dict[str, Any]
TRANSPORTS = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}


def tell(event: str, **values: Any) -> None:
    print(json.dumps({"event": event, **values}), flush=True)


def is_complete(path: str) -> bool:
    """Whether the WAV's header tells the size of the file."""
    with open(path, "rb") as file:
        header = file.read(8)
        return len(header) == 8 and int.from_bytes(header[4:], "little") == file.seek(0, os.SEEK_END) - 8


class Call(pj.Call):  # type: ignore[misc]
    def __init__(self, phone: Softphone, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(phone.account, call_id)
        self.phone = phone

    def onCallState(self, _: pj.OnCallStateParam) -> None:
        now = self.getInfo()
        if now.state == pj.PJSIP_INV_STATE_EARLY and now.role == pj.PJSIP_ROLE_UAC:
            tell("alerting", status=now.lastStatusCode)
        elif now.state == pj.PJSIP_INV_STATE_CONFIRMED:
            tell("talking")
        elif now.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.phone.call_ended(self, now.lastStatusCode, now.lastReason)

    def onCallMediaState(self, _: pj.OnCallMediaStateParam) -> None:
        # Held by a name: the list of streams dies with the information that it is a part of.
        now = self.getInfo()
        for media in now.media:
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                self.phone.connect_audio(self.getAudioMedia(media.index))

    def onDtmfDigit(self, parameters: pj.OnDtmfDigitParam) -> None:
        tell("digit", digit=parameters.digit)


class Account(pj.Account):  # type: ignore[misc]
    def __init__(self, phone: Softphone) -> None:
        super().__init__()
        self.phone = phone

    def onRegState(self, state: pj.OnRegStateParam) -> None:
        good = state.code == 200 and state.expiration > 0
        gone = state.code == 200 and not good
        tell("registered" if good else "unregistered" if gone else "register_failed", status=state.code)

    def onIncomingCall(self, incoming: pj.OnIncomingCallParam) -> None:
        self.phone.call_arrived(incoming.callId)

    def onMwiInfo(self, news: pj.OnMwiInfoParam) -> None:
        lines = news.rdata.wholeMsg.splitlines()
        counts = [line.split()[1] for line in lines if line.lower().startswith("voice-message:")]
        tell("waiting", counts=counts[0] if counts else "")

    def onInstantMessage(self, text: pj.OnInstantMessageParam) -> None:
        tell("text", text=text.msgBody, sender=text.fromUri)

    def onInstantMessageStatus(self, answer: pj.OnInstantMessageStatusParam) -> None:
        tell("delivered", status=answer.code)


class Buddy(pj.Buddy):  # type: ignore[misc]
    def onBuddyState(self) -> None:
        # Held by a name: what it tells of dies with it.
        now = self.getInfo()
        seen = now.presStatus
        names = {pj.PJSUA_BUDDY_STATUS_ONLINE: "online", pj.PJSUA_BUDDY_STATUS_OFFLINE: "offline"}
        if seen.status in names:
            tell("presence", state=f"{names[seen.status]} {seen.note or seen.statusText}")


class Softphone:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.calls: list[Call] = []
        self.buddies: dict[str, Buddy] = {}
        self.ended: list[Call] = []
        self.recorder: pj.AudioMediaRecorder | None = None
        self.recordings = 0
        self.running = True
        self.endpoint = pj.Endpoint()
        self.start_endpoint()
        self.start_tone()
        self.port = self.start_transport()
        self.account = self.local_account()
        tell("ready", port=self.port)

    def start_endpoint(self) -> None:
        configuration = pj.EpConfig()
        configuration.uaConfig.threadCnt = 0
        configuration.uaConfig.mainThreadOnly = True
        configuration.uaConfig.maxCalls = 8
        configuration.logConfig.level = configuration.logConfig.consoleLevel = self.settings.get(
            "log_level", 0
        )
        configuration.medConfig.noVad = True
        configuration.medConfig.ecTailLen = 0
        configuration.medConfig.clockRate = configuration.medConfig.sndClockRate = 8000
        self.endpoint.libCreate()
        self.endpoint.libInit(configuration)
        self.endpoint.audDevManager().setNullDev()
        wanted = self.settings["codecs"]
        for codec in self.endpoint.codecEnum2():
            rank = next((n for n, name in enumerate(wanted) if codec.codecId.startswith(name + "/")), None)
            self.endpoint.codecSetPriority(codec.codecId, 0 if rank is None else 255 - rank)

    def start_transport(self) -> int:
        kind = TRANSPORTS[self.settings["transport"]]
        transport = pj.TransportConfig()
        if kind == pj.PJSIP_TRANSPORT_TLS:
            transport.tlsConfig.CaListFile = self.settings["authorities"]
            transport.tlsConfig.verifyServer = True
        transport.boundAddress = transport.publicAddress = self.settings["host"]
        identity = self.endpoint.transportCreate(kind, transport)
        self.endpoint.libStart()
        return int(self.endpoint.transportGetInfo(identity).localName.rsplit(":", 1)[1])

    def start_tone(self) -> None:
        self.tone = pj.ToneGenerator()
        self.tone.createToneGenerator(8000, 1)
        self.set_tone(self.settings["tone_hz"])

    def set_tone(self, frequency_hz: int) -> None:
        description = pj.ToneDesc()
        description.freq1, description.freq2 = frequency_hz, 0
        description.on_msec, description.off_msec, description.volume = 1000, 0, 10000
        tones = pj.ToneDescVector()
        tones.append(description)
        self.tone.stop()
        self.tone.play(tones, True)

    def account_settings(self, identity: str) -> pj.AccountConfig:
        configuration = pj.AccountConfig()
        configuration.idUri = identity
        # Left alone, pjsua names 127.0.0.1 in the Contact of a TCP call, whichever address it listens on.
        user = identity.removeprefix("sip:").split("@")[0]
        configuration.sipConfig.contactForced = f"<sip:{user}@{self.own_address()}>"
        if self.settings["proxy"]:
            proxy = f"sip:{self.settings['proxy']};lr{self.parameter()}"
            configuration.sipConfig.proxies.append(proxy)
        rtp = configuration.mediaConfig.transportConfig
        rtp.boundAddress = rtp.publicAddress = self.settings["host"]
        rtp.port = self.settings["rtp_port"]
        configuration.mwiConfig.enabled = self.settings["messages"]
        if self.settings.get("srtp"):
            configuration.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
            configuration.mediaConfig.srtpSecureSignaling = 1
        configuration.natConfig.contactRewriteUse = configuration.natConfig.viaRewriteUse = 0
        configuration.callConfig.timerUse = pj.PJSUA_SIP_TIMER_INACTIVE
        return configuration

    def local_account(self) -> Account:
        account = Account(self)
        account.create(self.account_settings(f"sip:{self.settings['name']}@{self.own_address()}"))
        return account

    def own_address(self) -> str:
        return f"{self.settings['host']}:{self.port}{self.parameter()}"

    def parameter(self) -> str:
        """What a URI has to say about the transport."""
        return "" if self.settings["transport"] == "udp" else f";transport={self.settings['transport']}"

    # Commands.

    def register(self, registrar: str, user: str, password: str) -> None:
        domain = registrar.rsplit(":", 1)[0]
        configuration = self.account_settings(f"sip:{user}@{domain}")
        own = "" if self.settings["proxy"] else self.parameter()
        configuration.regConfig.registrarUri = f"sip:{registrar}{own}"
        configuration.regConfig.timeoutSec = 300
        configuration.regConfig.retryIntervalSec = 0
        if not self.settings["proxy"]:
            configuration.sipConfig.proxies.append(f"sip:{registrar};lr{self.parameter()}")
        configuration.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
        self.account.shutdown()
        self.account = Account(self)
        self.account.create(configuration)

    def unregister(self) -> None:
        self.account.setRegistration(False)

    def call(self, uri: str) -> None:
        call = Call(self)
        self.calls.append(call)
        call.makeCall(uri, pj.CallOpParam(True))

    def answer(self, status: int) -> None:
        parameters = pj.CallOpParam()
        parameters.statusCode = status
        self.calls[-1].answer(parameters)

    def hang_up(self) -> None:
        if self.calls:
            self.calls[-1].hangup(pj.CallOpParam())

    def watch(self, uri: str) -> None:
        self.buddy(uri).subscribePresence(True)

    def write_to(self, uri: str, text: str) -> None:
        parameters = pj.SendInstantMessageParam()
        parameters.content = text
        self.buddy(uri).sendInstantMessage(parameters)

    def buddy(self, uri: str) -> Buddy:
        if uri not in self.buddies:
            configuration = pj.BuddyConfig()
            configuration.uri = uri
            configuration.subscribe = False
            self.buddies[uri] = Buddy()
            self.buddies[uri].create(self.account, configuration)
        return self.buddies[uri]

    def hold(self) -> None:
        self.calls[-1].setHold(pj.CallOpParam())

    def resume(self) -> None:
        parameters = pj.CallOpParam(True)
        parameters.opt.flag = pj.PJSUA_CALL_UNHOLD
        self.calls[-1].reinvite(parameters)

    def transfer(self, uri: str) -> None:
        self.calls[-1].xfer(uri, pj.CallOpParam(True))

    def connect(self) -> None:
        """Attended transfer of the first call to the second."""
        self.calls[0].xferReplaces(self.calls[1], pj.CallOpParam(True))

    def press(self, digits: str, info: bool) -> None:
        parameters = pj.CallSendDtmfParam()
        parameters.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if info else pj.PJSUA_DTMF_METHOD_RFC2833
        parameters.digits = digits
        self.calls[-1].sendDtmf(parameters)

    def heard(self) -> None:
        """Closes the file that is being written, tells its path, and goes on with a new one."""
        path = self.recording_path()
        self.recorder = None
        # The conference bridge lets go of a recorder in its own time; only then is the header written.
        for _ in range(100):
            if not os.path.exists(path) or is_complete(path):
                break
            self.endpoint.libHandleEvents(20)
        tell("heard", path=path if os.path.exists(path) else None)
        self.recordings += 1
        for call in self.calls:
            if call.hasMedia():
                self.connect_audio(call.getAudioMedia(-1))

    def statistics(self) -> None:
        stream = self.calls[-1].getStreamStat(0).rtcp
        tell(
            "statistics",
            received=stream.rxStat.pkt,
            lost=stream.rxStat.loss,
            reordered=stream.rxStat.reorder,
            duplicated=stream.rxStat.dup,
            sent=stream.txStat.pkt,
        )

    def quit(self) -> None:
        self.running = False

    # What happens.

    def call_arrived(self, call_id: int) -> None:
        call = Call(self, call_id)
        self.calls.append(call)
        caller = call.getInfo().remoteUri
        status = self.settings["incoming_status"]
        if status:
            parameters = pj.CallOpParam()
            parameters.statusCode = status
            call.answer(parameters)
        tell("ringing", caller=caller)

    def call_ended(self, call: Call, status: int, reason: str) -> None:
        # pjsua frees the call itself while the callback runs; Python must not free it a second time.
        call.thisown = 0
        self.calls.remove(call)
        self.ended.append(call)
        tell("ended", status=status, reason=reason)

    def recording_path(self) -> str:
        return str(Path(self.settings["directory"]) / f"heard-{self.recordings}.wav")

    def connect_audio(self, audio: pj.AudioMedia) -> None:
        if self.recorder is None:
            self.recorder = pj.AudioMediaRecorder()
            self.recorder.createRecorder(self.recording_path())
        self.tone.startTransmit(audio)
        audio.startTransmit(self.recorder)

    def run(self) -> None:
        rest = b""
        while self.running:
            self.endpoint.libHandleEvents(20)
            if not select.select([0], [], [], 0)[0]:
                continue
            chunk = os.read(0, 65536)
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.obey(json.loads(line))
        self.stop()

    def obey(self, command: Settings) -> None:
        try:
            getattr(self, command.pop("do"))(**command)
        except pj.Error as error:
            tell("error", command=command, reason=error.info())

    def stop(self) -> None:
        self.endpoint.hangupAllCalls()
        for _ in range(5):
            self.endpoint.libHandleEvents(20)
        self.recorder = None
        # The whole way would wait a second for answers that nobody needs.
        self.endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)
        # The bindings' destructors run in an order that pjsua2 does not survive.
        os._exit(0)


if __name__ == "__main__":
    Softphone(json.loads(sys.argv[1])).run()
