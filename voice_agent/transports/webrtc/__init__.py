"""Browsers over WebRTC: Opus in both directions, and the clients' messages on a data channel.

::

    web.webrtc ──► WebRtcCall ──► Connection ──► aiortc      a call, one connection after another
                       │              ├── RtpStream                    the packets themselves
                       │              ├── JitterHold, OpusDecoder      what comes
                       ▼              └── Outgoing, OpusEncoder        what goes
                   WebRtcLeg ◄── the call's engine             outlives its connections

Everything but `bindings`, `ice`, `offer` and `outgoing` imports aiortc, which comes with the extra
``webrtc``.
"""
