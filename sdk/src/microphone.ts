/** The microphone: opened, chosen, muted, and found again when it is unplugged. */

import { PersonaError } from "./errors";
import { microphoneProblem } from "./problems";
import type { MicrophoneChange, MicrophoneInfo } from "./types";

export interface MicrophoneEvents {
  /** Another track is to be sent from now on; null while there is none. */
  track(track: MediaStreamTrack | null): void;
  changed(change: MicrophoneChange): void;
  /** It is gone, and there is no other. */
  lost(problem: PersonaError): void;
  /** The devices that there are have changed. */
  devices(microphones: MicrophoneInfo[]): void;
}

/** The microphones that there are. Raises PersonaError. */
export async function microphones(): Promise<MicrophoneInfo[]> {
  if (!navigator.mediaDevices) throw microphoneProblem(null);
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices
    .filter((device) => device.kind === "audioinput")
    .map((device) => ({ id: device.deviceId, label: device.label }));
}

export class Microphone {
  track: MediaStreamTrack | null = null;
  readonly #events: MicrophoneEvents;
  readonly #constraints: MediaTrackConstraints;
  #muted = false;
  #open = false;
  #finding = false;
  #opening = 0;

  constructor(events: MicrophoneEvents, constraints: MediaTrackConstraints = {}) {
    this.#events = events;
    this.#constraints = constraints;
  }

  get muted(): boolean {
    return this.#muted;
  }

  /** Ask for it. Raises PersonaError. */
  async open(id: string): Promise<void> {
    this.#take(await this.#ask(id));
  }

  /** Another one from now on; the one before stays if that fails. Raises PersonaError. */
  async choose(id: string): Promise<void> {
    const track = await this.#ask(id);
    this.#take(track);
    this.#events.track(track);
    this.#events.changed({ microphone: info(track), reason: "chosen" });
  }

  mute(muted: boolean): void {
    this.#muted = muted;
    if (this.track) this.track.enabled = !muted;
  }

  /** Give it back: the browser shows that nobody listens. */
  close(): void {
    this.#opening += 1;
    this.#drop();
    if (!this.#open) return;
    this.#open = false;
    navigator.mediaDevices.removeEventListener("devicechange", this.#devicesChanged);
  }

  async #ask(id: string): Promise<MediaStreamTrack> {
    if (!navigator.mediaDevices?.getUserMedia) throw microphoneProblem(null);
    this.#opening += 1;
    const opening = this.#opening;
    const audio: MediaTrackConstraints = {
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      channelCount: 1,
      ...this.#constraints,
      ...(id ? { deviceId: { exact: id } } : {}),
    };
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      throw microphoneProblem(error);
    }
    const [track] = stream.getAudioTracks();
    if (!track) throw microphoneProblem({ name: "NotFoundError" });
    if (opening !== this.#opening) {
      track.stop();
      throw new PersonaError("canceled", "The microphone is not wanted any more.");
    }
    return track;
  }

  #take(track: MediaStreamTrack): void {
    this.#drop();
    this.track = track;
    track.enabled = !this.#muted;
    track.addEventListener("ended", this.#ended);
    if (this.#open) return;
    this.#open = true;
    navigator.mediaDevices.addEventListener("devicechange", this.#devicesChanged);
  }

  #drop(): void {
    this.track?.removeEventListener("ended", this.#ended);
    this.track?.stop();
    this.track = null;
  }

  /** Only the browser ends a track so: the device is gone, or may not be used any more. */
  #ended = (): void => {
    void this.#findAnother();
  };

  #devicesChanged = (): void => {
    if (this.track?.readyState === "ended") this.#drop();
    if (!this.track) void this.#findAnother();
    microphones().then(this.#events.devices, () => undefined);
  };

  /** Take the system's own choice in place of what is gone. */
  async #findAnother(): Promise<void> {
    if (this.#finding || !this.#open) return;
    this.#finding = true;
    this.#drop();
    this.#events.track(null);
    try {
      const track = await this.#ask("");
      this.#take(track);
      this.#events.track(track);
      this.#events.changed({ microphone: info(track), reason: "lost" });
    } catch (error) {
      const problem = error instanceof PersonaError ? error : microphoneProblem(error);
      if (problem.code !== "canceled") this.#events.lost(problem);
    } finally {
      this.#finding = false;
    }
  }
}

function info(track: MediaStreamTrack): MicrophoneInfo {
  return { id: track.getSettings().deviceId ?? "", label: track.label };
}
