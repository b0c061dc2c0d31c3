/* voice-agent-persona 0.1.0, Apache-2.0 */

/**
 * What goes wrong, typed by what a page can do about it.
 *
 *     microphone_denied       ask the user to allow it, then try again
 *     microphone_missing      there is none: plug one in
 *     microphone_busy         another program has it
 *     microphone_unavailable  the page is not served by https (or localhost), or the browser is old
 *     key_refused             the key is wrong, revoked, or not for pages of this origin
 *     unreachable             the server does not answer; come again
 *     busy, unavailable       the server is full or has no database; come again
 *     disconnected            there is no conversation, or its connection is gone for good
 *     not_saved               the conversation is over, and nothing of it was kept
 *     unsaved_refused         this server keeps its conversations: ask for one that is saved
 *     unsupported             this server or browser cannot do that
 *
 * Other codes are the server's own: see docs/browser.md.
 */
export type PersonaErrorCode = "busy" | "canceled" | "conversation_unknown" | "disconnected" | "draft_refused" | "format" | "key_refused" | "malformed" | "microphone_busy" | "microphone_denied" | "microphone_missing" | "microphone_unavailable" | "not_saved" | "origin_refused" | "persona_missing" | "persona_not_allowed" | "persona_unknown" | "protocol" | "server_missing" | "state_refused" | "token_refused" | "too_late" | "too_many_messages" | "unavailable" | "unreachable" | "unsaved_refused" | "unsupported" | "webrtc_unavailable";
/** An error with a word for programs (`code`) and a sentence for people (`message`). */
export declare class PersonaError extends Error {
    readonly name = "PersonaError";
    readonly code: PersonaErrorCode | (string & {});
    constructor(code: PersonaErrorCode | (string & {}), message: string, cause?: unknown);
}

/** What pages give and get. */
export type State = Record<string, unknown>;
export type TransportName = "webrtc" | "websocket";
/** One contribution, as pages get it. */
export interface PersonaMessage {
    source: "user" | "ai";
    /** `temporary_message`: the words that the user is saying just now. */
    type: "message" | "temporary_message";
    messageId: string;
    /** Of the agent: what was heard of it so far. */
    content: string;
    /** Of the agent: all that it is going to say, as far as it is known. */
    intended?: string;
}
export interface PersonaClientOptions {
    /** The server, such as https://voice.example.com; known by itself where it served the script. */
    server?: string;
    /** Session tokens from your own server, in place of a publishable key. */
    token?: string | (() => string | Promise<string>);
    /** `auto`: WebRTC, and the WebSocket where that does not get through. */
    transport?: "auto" | TransportName;
    /** The id of a microphone (see `microphones`); false for a conversation without one. */
    microphone?: string | false;
    /** More constraints for the microphone, such as `{noiseSuppression: false}`. */
    audio?: MediaTrackConstraints;
    /** The element that plays the agent; made by itself otherwise. */
    audioElement?: HTMLAudioElement;
    /** How long a lost connection is tried to be made again, in milliseconds. */
    reconnectMs?: number;
}
export interface InitConfig {
    /** Who the user is; you choose it. */
    userId?: string;
    personaName?: string;
    personaId?: string;
    /** For the persona's templates: `{{details.plan}}`. */
    details?: Record<string, unknown>;
    /** Kept with the conversation, as `details.metadata`. */
    metadata?: Record<string, unknown>;
    /** Not supported: personas live on the server. */
    personaConfig?: Record<string, unknown>;
    options?: InitOptions;
    /** A session token for this conversation. */
    token?: string;
}
export interface InitOptions {
    /** Tell each message as `debug_event`. */
    debugMode?: boolean;
    /** False: `messages_update` has no words that are still being said. */
    streamTranscripts?: boolean;
    /** The server keeps nothing of the conversation: what was ended cannot be resumed. */
    shouldNotSaveConversation?: boolean;
}
export interface MicrophoneInfo {
    id: string;
    /** Empty until the microphone was allowed once. */
    label: string;
}
export interface MicrophoneChange {
    microphone: MicrophoneInfo;
    /** `lost`: the one before is gone, and this is the one that the system falls back to. */
    reason: "chosen" | "lost";
}
export interface LegacyEvents {
    /** Today's `ai_speech_ended`. */
    ai_speech_stopped: undefined;
    /** The agent has finished an answer, or was interrupted. */
    reply_end: undefined;
    json: {
        detail: Record<string, unknown>;
    };
}
export interface Levels {
    /** 0 to 1. */
    microphone: number;
    /** 0 to 1. */
    agent: number;
}
export interface PersonaEvents extends LegacyEvents {
    /** The conversation has begun, or goes on. */
    ready: {
        conversationId: string;
        resumed: boolean;
        transport: TransportName;
    };
    /** The whole conversation, whenever something of it has changed. */
    messages_update: PersonaMessage[];
    /** The whole state. */
    state_updated: State;
    /** The values of an action by its name. */
    action: Record<string, unknown>;
    user_speech_started: undefined;
    user_speech_ended: undefined;
    ai_speech_started: undefined;
    ai_speech_ended: undefined;
    /** The user has had as many answers as the persona gives: what the agent says of it, once. */
    message_limit_reached: string;
    /** The connection is gone and is being made again, in `ms` milliseconds. */
    reconnecting: {
        attempt: number;
        ms: number;
    };
    reconnected: undefined;
    /** It is over, or paused; `problem` is null if that was wanted. */
    disconnected: {
        conversationId: string;
        problem: PersonaError | null;
    };
    error: PersonaError;
    /** A conversation could not be begun or resumed. */
    connect_error: PersonaError;
    microphone_changed: MicrophoneChange;
    microphone_lost: PersonaError;
    microphones_changed: MicrophoneInfo[];
    /** The browser lets nothing be heard until the user has clicked somewhere. */
    audio_blocked: undefined;
    audio_unblocked: undefined;
    /** Ten times a second while somebody listens. */
    levels: Levels;
    /** With `debugMode`: each message in either direction. */
    debug_event: {
        from: "client" | "server";
        message: {
            type: string;
        };
    };
}

/** Conversations of a page with a persona: begun, paused, resumed, and kept over broken networks. */
/** One conversation at a time. */
export declare class PersonaClient {
    #private;
    /** The server that served the script. */
    static scriptServer: string;
    /** Known when `init` or `resume` has settled. */
    conversationId: string;
    /** The conversation's state, as it was last told. */
    state: State;
    /** `key` is a publishable key of the server, bound to the origins of your pages. */
    constructor(key?: string, options?: PersonaClientOptions);
    /** Call `callback` for each `event`; what is returned ends that. */
    on<Name extends keyof PersonaEvents>(event: Name, callback: (value: PersonaEvents[Name]) => void): () => void;
    off<Name extends keyof PersonaEvents>(event: Name, callback?: (value: PersonaEvents[Name]) => void): void;
    /** What was said, in its order; of the agent what was heard. */
    get messages(): PersonaMessage[];
    /** What carries the conversation; empty while there is none. */
    get transport(): TransportName | "";
    /** Whether a conversation is going on. */
    get connected(): boolean;
    /** How loud it is just now. */
    get levels(): Levels;
    get muted(): boolean;
    /** Begin a new conversation. Call it when the user clicks. Raises PersonaError. */
    init(config: InitConfig): Promise<void>;
    /** @deprecated as earlier clients had it. */
    init(userId: string, personaName: string): Promise<void>;
    /** @deprecated as earlier clients had it. */
    init(personaName: string): Promise<void>;
    /**
     * Go on with a conversation: the last one, or one of this browser tab's. Another's takes a `token`,
     * which your server gets from `POST /api/conversations/{id}/resume`. Raises PersonaError.
     */
    resume(conversationId?: string, given?: {
        token?: string;
    }): Promise<void>;
    /** Pause the conversation and release the microphone: `resume` goes on with it. */
    end(): Promise<void>;
    /** The same as `end`. */
    pause(): Promise<void>;
    /** Merge these keys into the conversation's state. Raises PersonaError. */
    updateState(state: State): Promise<void>;
    /** Have the agent say exactly this. Raises PersonaError. */
    sayText(text: string): Promise<void>;
    /** Tell the agent of something, so that it speaks of it. Raises PersonaError. */
    reactTo(text: string): Promise<void>;
    /** Say something in the user's place. Raises PersonaError. */
    sendUserText(text: string): Promise<void>;
    /** The microphones that there are; their labels are known once one was allowed. */
    microphones(): Promise<MicrophoneInfo[]>;
    /** Use this microphone, now and later; an empty id is the system's own choice. */
    setMicrophone(id: string): Promise<void>;
    /** Turn the microphone off or on. */
    setMuted(muted: boolean): void;
    /** Be heard again after `audio_blocked`; to be called when the user clicks. */
    startAudio(): Promise<void>;
}

export default PersonaClient;
