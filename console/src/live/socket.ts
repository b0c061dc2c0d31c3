/**
 * The client of `WS /console/live`.
 *
 * Topics are watched as long as somebody listens. A connection that breaks is made again, and goes
 * on behind the last event that was seen (`after` and `epoch`); if the server was restarted, or has
 * forgotten too much, a snapshot comes instead. Listeners never notice but by a new snapshot.
 */

export type LiveStatus = "connecting" | "open" | "waiting" | "signed-out";

export type LiveMessage =
  | { type: "snapshot"; body: unknown }
  | { type: "event"; event: { kind: string } }
  | { type: "refused"; message: string };

type Listener = (message: LiveMessage) => void;

interface Watched {
  listeners: Set<Listener>;
  /** Of the last message that was seen; null before the first. */
  seq: number | null;
}

interface Frame {
  type: string;
  topic?: string;
  seq?: number;
  epoch?: string;
  body?: unknown;
  event?: { kind: string };
  message?: string;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

export class LiveSocket {
  private socket: WebSocket | null = null;
  private readonly topics = new Map<string, Watched>();
  private readonly observers = new Set<() => void>();
  private epoch: string | null = null;
  /** The server has said hello on this connection. */
  private greeted = false;
  private failures = 0;
  private timer: number | undefined;
  status: LiveStatus = "connecting";

  constructor(private readonly url: string) {
    addEventListener("online", () => this.now());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.now();
    });
  }

  /**
   * Hear of a topic; call what is returned to stop.
   *
   * With `whole` there is a snapshot first, also if others watch the topic already.
   */
  watch(topic: string, listener: Listener, whole = true): () => void {
    let watched = this.topics.get(topic);
    if (watched === undefined) {
      watched = { listeners: new Set(), seq: null };
      this.topics.set(topic, watched);
      this.ask(topic, watched);
    } else if (whole && this.greeted) {
      this.send({ type: "watch", topic });
    }
    watched.listeners.add(listener);
    this.connect();
    return () => this.leave(topic, listener);
  }

  /** Hear of changes of `status`. */
  observe(observer: () => void): () => void {
    this.observers.add(observer);
    return () => this.observers.delete(observer);
  }

  /** Connect again now, such as after signing in. */
  now(): void {
    if (this.socket !== null || this.topics.size === 0) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.failures = 0;
    this.connect();
  }

  /** Forget everything, such as after signing out. */
  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.socket?.close(1000);
  }

  private leave(topic: string, listener: Listener): void {
    const watched = this.topics.get(topic);
    if (watched === undefined) return;
    watched.listeners.delete(listener);
    if (watched.listeners.size > 0) return;
    this.topics.delete(topic);
    this.send({ type: "unwatch", topic });
  }

  private connect(): void {
    if (this.socket !== null || this.timer !== undefined) return;
    this.tell("connecting");
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.greeted = false;
    socket.onmessage = (message) => this.take(JSON.parse(message.data as string) as Frame);
    socket.onclose = (close) => {
      this.socket = null;
      this.greeted = false;
      if (close.code === 4401) {
        this.tell("signed-out");
        return;
      }
      if (this.topics.size === 0) return;
      const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.failures++);
      this.tell("waiting");
      this.timer = window.setTimeout(
        () => {
          this.timer = undefined;
          this.connect();
        },
        wait * (0.75 + Math.random() / 2),
      );
    };
  }

  private take(frame: Frame): void {
    if (frame.type === "hello") {
      this.failures = 0;
      this.greeted = true;
      if (this.epoch !== frame.epoch) {
        this.epoch = frame.epoch ?? null;
        for (const watched of this.topics.values()) watched.seq = null;
      }
      this.tell("open");
      for (const [topic, watched] of this.topics) this.ask(topic, watched);
      return;
    }
    const watched = frame.topic === undefined ? undefined : this.topics.get(frame.topic);
    if (watched === undefined) return;
    let message: LiveMessage;
    if (frame.type === "snapshot") {
      watched.seq = frame.seq ?? null;
      message = { type: "snapshot", body: frame.body };
    } else if (frame.type === "event" && frame.event !== undefined) {
      // Before the snapshot, or seen before the connection broke.
      if (watched.seq === null || (frame.seq ?? Infinity) <= watched.seq) return;
      watched.seq = frame.seq ?? watched.seq;
      message = { type: "event", event: frame.event };
    } else if (frame.type === "refused") {
      message = { type: "refused", message: frame.message ?? "" };
    } else {
      return;
    }
    for (const listener of [...watched.listeners]) listener(message);
  }

  private ask(topic: string, watched: Watched): void {
    const seen = watched.seq === null ? {} : { after: watched.seq, epoch: this.epoch };
    if (this.greeted) this.send({ type: "watch", topic, ...seen });
  }

  private send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private tell(status: LiveStatus): void {
    if (this.status === status) return;
    this.status = status;
    for (const observer of [...this.observers]) observer();
  }
}

export const live = new LiveSocket(
  `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/console/live`,
);
