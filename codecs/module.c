/* softswitch.media._codecs: what must be done once a packet or once a sample; everything else is numpy. */
#include "buffers.h"
#include "g711.h"
#include <string.h>

int arrays_open(Arrays *arrays, const char *name, const char *spec, PyObject *const *args, Py_ssize_t nargs)
{
    Py_ssize_t wanted = (Py_ssize_t)strlen(spec);
    arrays->count = 0;
    if (nargs < wanted) {
        PyErr_Format(PyExc_TypeError, "%s takes %zd arrays, got %zd arguments", name, wanted, nargs);
        return -1;
    }
    for (Py_ssize_t k = 0; k < wanted; k++) {
        char letter = spec[k];
        int writable = letter >= 'A' && letter <= 'Z';
        int size = strchr("bB", letter) ? 1 : strchr("hH", letter) ? 2 : strchr("iI", letter) ? 4 : 8;
        Py_buffer *view = &arrays->view[arrays->count];
        if (PyObject_GetBuffer(args[k], view, writable ? PyBUF_WRITABLE : PyBUF_SIMPLE) < 0) {
            arrays_close(arrays);
            return -1;
        }
        arrays->count++;
        if (view->itemsize != size) {
            PyErr_Format(PyExc_TypeError, "%s: argument %zd has items of %zd bytes, not %d", name, k + 1,
                         view->itemsize, size);
            arrays_close(arrays);
            return -1;
        }
    }
    return 0;
}

void arrays_close(Arrays *arrays)
{
    for (int k = 0; k < arrays->count; k++)
        PyBuffer_Release(&arrays->view[k]);
    arrays->count = 0;
}

Py_ssize_t array_items(const Arrays *arrays, int k)
{
    return arrays->view[k].len / arrays->view[k].itemsize;
}

int arrays_at_least(const Arrays *arrays, const char *name, Py_ssize_t items, int first, int last)
{
    for (int k = first; k <= last; k++)
        if (array_items(arrays, k) < items) {
            PyErr_Format(PyExc_ValueError, "%s: argument %d has %zd items, %zd are needed", name, k + 1,
                         array_items(arrays, k), items);
            return -1;
        }
    return 0;
}

int arrays_within(const Arrays *arrays, const char *name, int k, Py_ssize_t items, Py_ssize_t most)
{
    const int32_t *value = arrays->view[k].buf;
    for (Py_ssize_t i = 0; i < items; i++)
        if (value[i] < 0 || value[i] >= most) {
            PyErr_Format(PyExc_ValueError, "%s: argument %d names row %d of %zd", name, k + 1, (int)value[i], most);
            return -1;
        }
    return 0;
}

#define KERNEL(name, function, doc) {name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, doc}

static PyMethodDef methods[] = {
    KERNEL("drain", io_drain,
           "drain(fds i4[legs], pace u1[legs,3], rows u1[m,stride], leg i4[m], length i4[m], ip u4[m], port u2[m],"
           " rest) -> n\n\nReceive what has arrived on every leg's socket, a socket a leg, without blocking."
           " After a packet a socket is left out of `rest` scans."),
    KERNEL("send", io_send,
           "send(fds i4[legs], ip u4[legs], port u2[legs], rows u1[m,stride], index i4[n], leg i4[n], length i4[n],"
           " m) -> sent\n\nSend row index[k] from the socket of leg[k] to that leg's remote address."),
    KERNEL("parse", io_parse,
           "parse(rows u1[m,stride], length i4[n], seq u2[n], ts u4[n], ssrc u4[n], mark u1[n], offset i4[n],"
           " size i4[n], m)\n\nRTP headers (RFC 3550 section 5.1); offset 0 where a row is no RTP packet."
           " mark is marker << 7 | payload type."),
    KERNEL("drain_shared", shared_drain,
           "drain_shared(keys i8[k], owners i4[k], expected u4[legs], rows u1[m,stride], leg i4[m], length i4[m],"
           " ip u4[m], port u2[m], strangers u4[s,3], fd, n) -> (n, strangers)\n\nReceive what has arrived on a"
           " socket of many legs into rows from n on. A packet is of the owner of its key, ip << 16 | port, that"
           " expects its SSRC; 0 expects any where there is one owner. Of others address, port and SSRC are listed."),
    KERNEL("wide_number", wide_number,
           "wide_number(address, scope) -> number\n\nThe number that stands for an IPv6 address of 16 bytes in columns"
           " of IPv4 addresses: of class E, a new one if it has none; 2^32 - 1 when all are given out."),
    KERNEL("wide_address", wide_address, "wide_address(number) -> (address, scope), or None"),
    KERNEL("wide_keep", wide_keep,
           "wide_keep(numbers u4[n]) -> numbers left\n\nForget all others; without an argument only count."),
    KERNEL("wide_salt", wide_salt,
           "wide_salt(salt)\n\nBefore the first number: nobody outside can choose addresses that are slow to find."),
    KERNEL("place", ring_place,
           "place(ring i2[legs,L], have u1[legs,L], leg i4[n], position i8[n], rows u1[m,stride], index i4[n],"
           " offset i4[n], size i4[n], law u1[n], status u1[n], L, m, floor)\n\nDecode G.711 payloads into the"
           " ring; status 0 new, 1 duplicate, 2 late (wholly before floor)."),
    KERNEL("admit", loop_admit,
           "admit(leg i4[n], ip, port, seq, ts, ssrc, mark, offset, size, kinds u1[legs,128], leg columns,"
           " out_index, out_leg, out_kind, out_ts, out_ext, out_pos, odd, dirty u1[legs], clock) -> (plain, odd)\n\n"
           "The rules of inbound.py for rows of streams that just go on; rows that need more than that, and later"
           " ones of the same leg, are listed in odd. dirty is zeros, before and after."),
    KERNEL("relay", loop_relay,
           "relay(rows u1[m,stride], mark, length, offset, size, index i4[n], leg, kind, ts, ext, leg columns,"
           " transcode u1[2,256], out_index, out_ear, out_length, out_ext, m, clock) -> sent\n\nRewrite the headers of rows that a leg's only listener gets."),
    KERNEL("frames", loop_frames,
           "frames(rows u1[m,stride], ears i4[n], codes u1[r,w], which i4[n], heard u1[n], leg columns, ear i4[n],"
           " length i4[n], ext i8[n], m, clock) -> sent\n\nOne packet with w octets of codes[which[k]], for the position clock,"
           " for each ear that may be sent one: it hears something, or has been sent something before."),
    KERNEL("passage", turn_passage,
           "passage(batch columns, leg columns, room for results, L) -> passage\n\nThe arrays of parse, admit, store and"
           " relay, opened once."),
    KERNEL("pass_on", turn_pass_on,
           "pass_on(passage, n, floor, clock, with_ring, with_wide) -> (plain, odd, stored, sent)\n\nparse, admit, store and"
           " relay for n rows, as far as nothing else is needed: plain is -1 where not all is RTP; stored -1 where there"
           " are odd rows, keys or changed codecs among them; sent -1 where something is left to be stored."),
    KERNEL("forget", turn_forget,
           "forget(have u1[legs,L], in_ring u1[legs], cleared i8[legs], first, every, clock, keep, chunk, L)\n\nForget whole"
           " chunks of what is further behind the clock than keep, for every so many legs in the ring from the first on."),
    KERNEL("pauses", turn_pauses,
           "pauses(ears i4[n], started, relayed_at, send, law, remote_port, sending_digits, out i4[n], until, wide) -> n\n\n"
           "Ears with a law below wide that were last relayed something before `until`, and may be sent silence."),
    KERNEL("energy", kernel_energy,
           "energy(samples i2[2n,w], slot i8[n], filled i8[slots], energy f4[slots,2,most], w)\n\nAppend the mean squares of"
           " the whole frames of pairs of rows to what each slot has."),
    KERNEL("interleave", kernel_interleave,
           "interleave(samples i2[2n,w], rings i2[...], base i8[n], written i8[n], frames i8[n])\n\nAppend pairs of rows"
           " as stereo to rings that begin at base, in samples, and are `frames` long."),
    KERNEL("first_time", ring_first_time,
           "first_time(top Q, counted Q, leg i4[n], ext i8[n], out u1[n])\n\nWhich packets are no copies of former ones."),
    KERNEL("store", ring_store,
           "store(ring, have, rows, offset, size, index, leg, kind, pos, leg columns, ext, odd, L, m, floor, clock) -> odd\n\n"
           "place, with counters, for the rows of legs in the ring that are G.711 and are not being moved; the"
           " numbers of others are listed in odd."),
    KERNEL("lay", ring_lay,
           "lay(ring i2[legs,L], have u1[legs,L], leg i4[n], position i8[n], samples i2[n,w], size i4[n],"
           " status u1[n], L, floor)\n\nPut decoded samples into the ring; status as with place."),
    KERNEL("noise", ring_noise,
           "noise(ring i2[legs,L], have u1[legs,L], leg i4[n], from i8[n], to i8[n], amplitude i2[n], L)\n\n"
           "White noise of that peak where nothing else is; a packet that comes for its place replaces it."),
    KERNEL("take", ring_take,
           "take(ring i2[legs,L], have u1[legs,L], leg i4[n], position i8[n], first i8[n], limit i8[n],"
           " out i2[n,w], missing i4[n], L)\n\nRead w samples a leg; what never came repeats the 160 samples before it at"
           " three quarters. missing counts such samples from first to limit."),
    KERNEL("clear", ring_clear,
           "clear(have u1[legs,L], leg i4[n], position i8[n], width, L)\n\nForget width samples a leg."),
    KERNEL("mix", mix_frames,
           "mix(frames i2[m,w], start i4[r+s+1], source i4[e], gain i4[e], out i2[r,w], base i4[r], level f4[r], w)\n\n"
           "Sparse matrix product; gains in 1/256. Row k is added to row base[k] of the s last ones, which are in no"
           " output, or to nothing where that is negative. Rows of several sources are limited; level[k] is how far a"
           " row is turned down, before and after."),
    KERNEL("heard", mix_heard,
           "heard(ring i2[legs,L], have u1[legs,L], legs i4[m], played i2[p,w], start, source, gain, out, base, level, position, w,"
           " L)\n\ntake and mix in one: frames are those of the legs from the position on, then those played."),
    KERNEL("keys", keys_found,
           "keys(frames i2[n,160], basis f4[160,16], leg i4[n], heard i1[legs], told i1[legs], run i4[legs], out i4[n]) -> n\n\n"
           "The rules of inband.py: lists legs with a key that has lasted and was not told."),
    KERNEL("encode", kernel_encode,
           "encode(samples i2[m,w], row i4[r], law u1[r], out u1[r,w], w)\n\nG.711 of these rows, law 0 mu and 1 A."),
    KERNEL("play", kernel_play,
           "play(address i8[p], length i8[p], start i8[p], loop u1[p], players i4[n], out i2[n,w], clock)\n\nCopy w samples from"
           " the int16 array in memory of each of these players, which began at `start`, from the clock on, round the end"
           " where loop, else silence beyond it."),
    KERNEL("g722_decode", g722_decode,
           "g722_decode(state i4[legs,words], leg i4[n], rows u1[m,stride], index i4[n], offset i4[n], size i4[n],"
           " wide i2[n,2w], narrow i2[n,w], m)\n\nG.722 at 64 kbit/s into 16 kHz, and its lower band at 8 kHz."
           " A row of zeros is a fresh state."),
    KERNEL("g722_encode", g722_encode,
           "g722_encode(state i4[legs,words], leg i4[n], samples i2[n,2w], out u1[n,w])\n\nG.722 of 16 kHz."),
    KERNEL("g722_words", g722_words, "g722_words() -> words of one leg's G.722 state"),
    KERNEL("srtp_load", srtp_load, "srtp_load(name) -> whether OpenSSL's libcrypto is there"),
    KERNEL("srtp_open", srtp_open,
           "srtp_open(suite, key, encrypts) -> handle\n\nSession keys of one direction, from master key and salt."),
    KERNEL("srtp_close", srtp_close, "srtp_close(handle)"),
    KERNEL("srtp_rekeyed", srtp_rekeyed,
           "srtp_rekeyed(state u1[bytes])\n\nPeers may count on or begin anew: the next packet of a stream tells."),
    KERNEL("srtp_state_bytes", srtp_state_bytes, "srtp_state_bytes() -> bytes of one leg's state"),
    KERNEL("srtp_protect", srtp_protect,
           "srtp_protect(state u1[legs,bytes], handle i4[legs], rows u1[m,stride], index i4[n], leg i4[n], ext i8[n],"
           " length i4[n], m)\n\nEncrypt RTP in place; ext is the packet index. length 0: must not be sent."),
    KERNEL("srtp_unprotect", srtp_unprotect,
           "srtp_unprotect(state u1[legs,bytes], handle i4[legs], rows u1[m,stride], index i4[n], leg i4[n],"
           " length i4[m])\n\nDecrypt RTP in place; length[index] becomes that of the RTP packet, 0 where it is not"
           " authentic or was there before."),
    KERNEL("srtcp_protect", srtcp_protect, "srtcp_protect(state u1[bytes], handle, packet) -> SRTCP packet or None"),
    KERNEL("srtcp_unprotect", srtcp_unprotect,
           "srtcp_unprotect(state u1[bytes], handle, packet) -> RTCP packet, or None as with srtp_unprotect"),
    KERNEL("opus_load", opus_load, "opus_load(name) -> whether libopus is there"),
    KERNEL("opus_open", opus_open,
           "opus_open(bitrate, complexity) -> handle\n\nAn encoder; with bit rate 0 a decoder. Both of 16 kHz, mono."),
    KERNEL("opus_close", opus_close, "opus_close(handle)"),
    KERNEL("opus_decode", opus_decode,
           "opus_decode(handle i4[n], rows u1[m,stride], index i4[n], offset i4[n], size i4[n], ts u4[n], out i2[n,w],"
           " lead i4[n], count i4[n], m)\n\nDecode in order of arrival. Up to 60 ms that were lost before a packet"
           " are made up: lead of the count samples are these. count 0 for what comes late or cannot be decoded."),
    KERNEL("opus_encode", opus_encode,
           "opus_encode(handle i4[n], samples i2[n,w], out u1[n,room], size i4[n])\n\nOne frame each."),
    KERNEL("halve", kernel_halve,
           "halve(past f4[legs,t-2], leg i4[n], samples i2[n,w], count i4[n], taps f4[t], out i2[n,w/2], legs)\n\n"
           "Half the rate by a FIR, going on where the leg's last call ended."),
    {NULL, NULL, 0, NULL}};

/* Raised whenever a kernel takes or does something else; softswitch/media/__init__.py names the one it is written for. */
#define INTERFACE 1

static int module_exec(PyObject *module)
{
    g711_fill_tables();
    return PyModule_AddIntConstant(module, "INTERFACE", INTERFACE);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)module_exec}, {0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "softswitch.media._codecs",
                                        "Batch packet I/O and sample kernels.", 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__codecs(void)
{
    return PyModuleDef_Init(&definition);
}
