/** `POST /webrtc/offer`: Opus over UDP, and the messages on a data channel. See docs/browser.md. */

import { Delivery } from "./delivery";
import { PersonaError } from "./errors";
import { parse, type FromClient, type Init } from "./messages";
import type { Surroundings, Transport } from "./transport";

/** Without an answer of every STUN server the offer is made of what was gathered. */
const GATHER_MS = 1000;
/** From the answer to an open channel: who takes longer cannot be reached by UDP. */
const CONNECT_MS = 3000;
const REQUEST_MS = 10_000;
/** How long ICE may be disconnected: it often mends itself. */
const WAVER_MS = 1500;
/** The server keeps a broken call for about so long. */
const MEND_MS = 10_000;
const AGAIN_MS = 1000;

interface Link {
  peer: RTCPeerConnection;
  channel: RTCDataChannel;
  sender: RTCRtpSender;
}

interface Answer {
  sdp: string;
  received?: number;
}

export class WebRtcTransport implements Transport {
  readonly name = "webrtc";
  readonly #around: Surroundings;
  readonly #delivery = new Delivery();
  #link: Link | null = null;
  #track: MediaStreamTrack | null = null;
  readonly #asked: Promise<RTCIceServer[]> | null;
  #servers: RTCIceServer[] = [];
  #location = "";
  #refusal: PersonaError | null = null;
  #mending = false;
  #waver: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** `servers` are those of `iceServers`, if they were asked for before. */
  constructor(around: Surroundings, servers: Promise<RTCIceServer[]> | null = null) {
    this.#around = around;
    this.#asked = servers;
  }

  async open(init: Init): Promise<void> {
    if (typeof RTCPeerConnection === "undefined") {
      throw new PersonaError("webrtc_unavailable", "This browser has no WebRTC.");
    }
    const { server } = this.#around;
    this.#servers = await (this.#asked ?? iceServers(server, init.token));
    if (this.#closed) throw canceled();
    const { type: _, ...fields } = init;
    const link = this.#newLink();
    this.#link = link;
    try {
      const sdp = await offer(link.peer);
      const response = await post(`${server}/webrtc/offer`, { sdp, init: fields });
      const answer = (await response.json()) as Answer;
      this.#location = new URL(response.headers.get("Location") ?? "", response.url).href;
      await this.#connected(link, answer);
    } catch (error) {
      this.#abandon();
      throw error;
    }
    this.#keep(link);
  }

  send(message: FromClient): void {
    if (message.type === "played" || message.type === "ping") return; // The channel needs neither.
    const text = JSON.stringify(message);
    this.#delivery.sent(text);
    if (!this.#mending && this.#link?.channel.readyState === "open") this.#link.channel.send(text);
  }

  microphone(track: MediaStreamTrack | null): void {
    this.#track = track;
    void this.#link?.sender.replaceTrack(track).catch(() => undefined);
  }

  networkChanged(online: boolean): void {
    if (online && this.#link) void this.#mend();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#waver);
    if (this.#link) drop(this.#link);
    this.#link = null;
  }

  // One connection ------------------------------------------------------------------------------

  #newLink(): Link {
    const peer = new RTCPeerConnection({ iceServers: this.#servers, bundlePolicy: "max-bundle" });
    const channel = peer.createDataChannel("events");
    const { sender } = peer.addTransceiver(this.#track ?? "audio", { direction: "sendrecv" });
    const link = { peer, channel, sender };
    peer.ontrack = ({ track, streams }) => {
      if (!this.#closed) this.#around.sound.playStream(streams[0] ?? new MediaStream([track]));
    };
    channel.onmessage = ({ data }: MessageEvent<string>) => {
      if (this.#closed) return;
      this.#delivery.received += 1;
      const message = parse(data);
      if (message?.type === "error") this.#refusal = new PersonaError(message.code, message.message);
      if (message) this.#around.events.message(message);
    };
    return link;
  }

  /** Take the answer and wait until messages can be sent. Raises PersonaError. */
  async #connected(link: Link, answer: Answer): Promise<void> {
    const { peer, channel } = link;
    await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    const blocked = new PersonaError("webrtc_unavailable", "The server cannot be reached by WebRTC.");
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(blocked), CONNECT_MS);
      const settle = (): void => {
        if (channel.readyState === "open") resolve();
        else if (peer.connectionState === "failed" || this.#closed) reject(blocked);
        else return;
        clearTimeout(late);
      };
      channel.onopen = channel.onclose = peer.onconnectionstatechange = settle;
      settle();
    });
  }

  /** The link is in use from now on: watch it. */
  #keep(link: Link): void {
    this.#link = link;
    if (link.sender.track !== this.#track) this.microphone(this.#track);
    const { peer, channel } = link;
    channel.onclose = () => {
      // Closed by the server while the network was well: it has ended the conversation.
      if (this.#link === link && !this.#mending) this.#over(this.#refusal);
    };
    peer.onconnectionstatechange = () => {
      if (this.#link !== link) return;
      clearTimeout(this.#waver);
      const { connectionState: state } = peer;
      if (state === "failed") void this.#mend();
      else if (state === "disconnected") this.#waver = setTimeout(() => void this.#mend(), WAVER_MS);
    };
  }

  // Another network -----------------------------------------------------------------------------

  /** Offer a new connection for the same conversation, until the server has given it up. */
  async #mend(): Promise<void> {
    if (this.#mending || this.#closed) return;
    this.#mending = true;
    clearTimeout(this.#waver);
    this.#around.events.mending(true);
    const until = performance.now() + MEND_MS;
    let problem: unknown = null;
    while (!this.#closed && performance.now() < until) {
      try {
        await this.#relink();
        this.#around.events.mending(false);
        return;
      } catch (error) {
        problem = error;
        if (error instanceof PersonaError && FINAL.has(error.code)) break;
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
    if (this.#closed) return;
    this.#over(new PersonaError("disconnected", "The connection is gone.", problem));
  }

  async #relink(): Promise<void> {
    const link = this.#newLink();
    try {
      const sdp = await offer(link.peer);
      const { received } = this.#delivery;
      const answer = (await (await post(this.#location, { sdp, received })).json()) as Answer;
      await this.#connected(link, answer);
      if (this.#closed) throw canceled();
      const missed = this.#delivery.missed(answer.received ?? 0);
      if (!missed) throw new PersonaError("lost", "The connection was gone for too long.");
      for (const text of missed) link.channel.send(text);
      this.#mending = false;
    } catch (error) {
      drop(link);
      throw error;
    }
    const before = this.#link;
    this.#keep(link);
    if (before) drop(before);
  }

  /** Tell the server that nobody comes. */
  #abandon(): void {
    if (this.#location) {
      void fetch(this.#location, { method: "DELETE", keepalive: true }).catch(() => undefined);
    }
    this.close();
  }

  #over(problem: PersonaError | null): void {
    if (this.#closed) return;
    this.close();
    this.#around.events.closed(problem);
  }
}

/** After these the same Location will not serve. */
const FINAL: ReadonlySet<string> = new Set([
  "call_unknown",
  "lost",
  "origin_refused",
  "token_refused",
  "webrtc_unavailable",
]);

/** What helps the page to be reached: of the server, for whoever has a token. Raises PersonaError. */
export async function iceServers(server: string, token: string): Promise<RTCIceServer[]> {
  const headers = { Authorization: `Bearer ${token}` };
  const response = await request(`${server}/webrtc/ice`, { headers });
  return ((await response.json()) as { iceServers?: RTCIceServer[] }).iceServers ?? [];
}

function post(url: string, body: object): Promise<Response> {
  const headers = { "Content-Type": "application/json" };
  return request(url, { method: "POST", headers, body: JSON.stringify(body) });
}

async function request(url: string, init: RequestInit): Promise<Response> {
  const cancel = new AbortController();
  const late = setTimeout(() => cancel.abort(), REQUEST_MS);
  try {
    const response = await fetch(url, { ...init, signal: cancel.signal });
    if (response.ok) return response;
    throw await refusal(response);
  } catch (error) {
    if (error instanceof PersonaError) throw error;
    throw new PersonaError("unreachable", `${new URL(url).origin} does not answer.`, error);
  } finally {
    clearTimeout(late);
  }
}

function canceled(): PersonaError {
  return new PersonaError("canceled", "The conversation is over.");
}

/** A complete offer: candidates are not trickled. */
async function offer(peer: RTCPeerConnection): Promise<string> {
  await peer.setLocalDescription(await peer.createOffer());
  if (peer.iceGatheringState !== "complete") {
    await new Promise<void>((resolve) => {
      setTimeout(resolve, GATHER_MS);
      peer.onicegatheringstatechange = () => {
        if (peer.iceGatheringState === "complete") resolve();
      };
    });
  }
  return peer.localDescription?.sdp ?? "";
}

function drop({ peer, channel }: Link): void {
  channel.onclose = channel.onopen = channel.onmessage = null;
  peer.ontrack = peer.onconnectionstatechange = peer.onicegatheringstatechange = null;
  peer.close();
}

/** A problem document as an error; a server without WebRTC, or an earlier one, has not the route. */
async function refusal(response: Response): Promise<PersonaError> {
  let code = "";
  let detail = "";
  try {
    const problem = (await response.json()) as { code?: string; detail?: string };
    code = problem.code ?? "";
    detail = problem.detail ?? "";
  } catch {
    // Not a problem document.
  }
  if (!code && [404, 405, 501].includes(response.status)) code = "webrtc_unavailable";
  return new PersonaError(code || "unavailable", detail || `The server answered ${response.status}.`);
}
