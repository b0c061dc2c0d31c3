/**
 * What the page hears and how loud it is: one AudioContext and one `<audio>` element.
 *
 * Everything is played through the element, WebRTC's track as well as what the worklet makes of the
 * socket's audio: browsers cancel the echo of what an element plays, and not everywhere that of an
 * AudioContext's own output.
 */

const MEASURED = 1024;

/** Firefox tells beforehand; with some sound cards its context takes a second to run. */
declare global {
  interface Navigator {
    getAutoplayPolicy?(context: AudioContext): "allowed" | "allowed-muted" | "disallowed";
  }
}

export class Sound {
  readonly context: AudioContext;
  readonly #element: HTMLAudioElement;
  readonly #blocked: (blocked: boolean) => void;
  readonly #microphone: AnalyserNode;
  readonly #agent: AnalyserNode;
  readonly #samples = new Float32Array(MEASURED);
  #source: AudioNode | null = null;
  #voice: AudioNode | null = null;
  /** The browser has said that it lets it play: what does not run yet is only slow. */
  readonly #mayPlay: boolean;
  #isBlocked = false;
  #closed = false;

  /** Make it in the handler of a click where there is one: browsers let it play then. */
  constructor(element: HTMLAudioElement | null, blocked: (blocked: boolean) => void) {
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.#mayPlay = navigator.getAutoplayPolicy?.(this.context) === "allowed";
    this.#element = element ?? document.createElement("audio");
    this.#element.autoplay = true;
    this.#element.setAttribute("playsinline", "");
    this.#blocked = blocked;
    this.#microphone = this.#meter();
    this.#agent = this.#meter();
    // Without a listener a context that the system has stopped (a call on an iPhone) stays so.
    this.context.onstatechange = () => {
      if (this.context.state === "running") this.#check();
      else this.#watch();
    };
    this.#element.addEventListener("playing", this.#check);
    void this.context.resume().catch(() => undefined);
  }

  /** Of full scale: the loudest of the last 20 ms. */
  levels(): { microphone: number; agent: number } {
    return { microphone: this.#loudest(this.#microphone), agent: this.#loudest(this.#agent) };
  }

  /** The microphone's track, or none. The source is what a transport may listen to. */
  microphone(track: MediaStreamTrack | null): AudioNode | null {
    this.#source?.disconnect();
    this.#source = track && this.context.createMediaStreamSource(new MediaStream([track]));
    this.#source?.connect(this.#microphone);
    return this.#source;
  }

  /** Play a stream that comes from the network. */
  playStream(stream: MediaStream): void {
    this.#listen(this.context.createMediaStreamSource(stream));
    this.#play(stream);
  }

  /** Play what a node makes. */
  playNode(node: AudioNode): void {
    const destination = this.context.createMediaStreamDestination();
    node.connect(destination);
    this.#listen(node);
    this.#play(destination.stream);
  }

  /** Try again to be heard; in the handler of a click this works. */
  async start(): Promise<void> {
    if (this.#closed) return;
    try {
      // A context that may not run yet never settles this.
      void this.context.resume().catch(() => undefined);
      if (this.#element.srcObject && this.#element.paused) await this.#element.play();
    } catch (error) {
      if ((error as Error).name === "NotAllowedError") this.#watch();
    }
    this.#check();
  }

  close(): void {
    this.#closed = true;
    this.#forget();
    this.#source?.disconnect();
    this.#voice?.disconnect();
    this.#element.removeEventListener("playing", this.#check);
    this.#element.pause();
    this.#element.srcObject = null;
    if (this.context.state !== "closed") void this.context.close().catch(() => undefined);
  }

  /** Seconds from the audio thread to the ear, as far as the browser knows. */
  get latency(): number {
    const { outputLatency, baseLatency } = this.context;
    return outputLatency || baseLatency || 0;
  }

  #play(stream: MediaStream): void {
    this.#element.srcObject = stream;
    void this.start().then(() => {
      // It may not: then it says so neither with an error nor with an event.
      setTimeout(() => {
        const waits = this.context.state !== "running" && !this.#mayPlay;
        if (!this.#closed && (waits || this.#element.paused)) this.#watch();
      }, 300);
    });
  }

  #listen(node: AudioNode): void {
    this.#voice?.disconnect();
    this.#voice = node;
    node.connect(this.#agent);
  }

  #meter(): AnalyserNode {
    const analyser = this.context.createAnalyser();
    analyser.fftSize = MEASURED;
    return analyser;
  }

  #loudest(meter: AnalyserNode): number {
    meter.getFloatTimeDomainData(this.#samples);
    let most = 0;
    for (const sample of this.#samples) most = Math.max(most, Math.abs(sample));
    return Math.min(1, most);
  }

  /** Wait for a gesture of the user's, after which the browser lets it play. */
  #watch(): void {
    if (this.#isBlocked || this.#closed) return;
    this.#isBlocked = true;
    for (const gesture of GESTURES) addEventListener(gesture, this.#gesture, { capture: true });
    this.#blocked(true);
  }

  #gesture = (): void => {
    void this.start();
  };

  /** Whether it can be heard now: each of the two takes its time. */
  #check = (): void => {
    const plays = !this.#element.srcObject || !this.#element.paused;
    if (this.context.state === "running" && plays) this.#forget();
  };

  #forget(): void {
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    for (const gesture of GESTURES) removeEventListener(gesture, this.#gesture, { capture: true });
    if (!this.#closed) this.#blocked(false);
  }
}

const GESTURES = ["pointerdown", "keydown", "touchend", "click"] as const;
