import { CirclePlay, CircleStop, Plus, Trash2 } from "lucide-react";
import { useEffect, useRef, useState, type FormEvent } from "react";

import { api, told, type Schemas } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import { useVoices } from "@/api/queries";
import {
  Badge,
  Button,
  Card,
  Field,
  IconButton,
  Input,
  LoadError,
  Notice,
  SearchInput,
  SkeletonLines,
  toast,
} from "@/ui";

import { useDefaults } from "../editing/defaults";
import { same } from "../editing/document";
import { useEditing } from "../editing/useEditing";
import { Choice } from "./Choice";
import { JsonField } from "./JsonField";

type Voice = Schemas["Voice"];

const PROVIDERS: Record<string, string> = {
  local: "On this machine",
  elevenlabs: "ElevenLabs",
  deepgram: "Deepgram",
  openai: "OpenAI",
  scripted: "Scripted",
};
const NONE: Voice = { provider: "", voice_id: "", model: "", settings: {} };

export function VoiceSection() {
  const { doc, set, problem } = useEditing();
  const voices = useVoices();
  const defaults = useDefaults();
  const [text, setText] = useState("");
  const sample = useSample();
  const { voice } = doc;
  const pick = (next: Voice | null) => set({ voice: next });
  const isListed = voices.data?.items.some(
    (each) => each.provider === voice?.provider && each.voice_id === voice.voice_id,
  );
  const [isOther, setOther] = useState(false);
  const showsOther = voice !== null && (isOther || isListed === false);

  const wanted = text.trim().toLowerCase();
  const found = (voices.data?.items ?? []).filter((each) =>
    [each.name, each.description, each.provider, each.voice_id].some((part) =>
      part.toLowerCase().includes(wanted),
    ),
  );
  return (
    <>
      <Card title="Voice" description="Whose voice it has.">
        <div className="flex flex-col gap-4">
          {voices.isError && (
            <LoadError error={voices.error} retry={() => void voices.refetch()} />
          )}
          {voices.data?.problems.map((each) => (
            <Notice key={each.provider} level="warning" title={PROVIDERS[each.provider]}>
              {each.message}
            </Notice>
          ))}
          {(voices.data?.items.length ?? 0) > 8 && (
            <SearchInput
              label="Search voices"
              placeholder={`Search ${voices.data?.items.length} voices`}
              value={text}
              onChange={setText}
            />
          )}
          {voices.isPending && <SkeletonLines />}
          <fieldset className="flex flex-col gap-2">
            <legend className="sr-only">Voice</legend>
            <Choice
              name="voice"
              checked={voice === null}
              onChange={() => {
                setOther(false);
                pick(null);
              }}
              label="The server's"
              says={defaults?.voice || "What the configuration names."}
            />
            <div className="-m-0.5 grid max-h-96 gap-2 overflow-y-auto p-0.5 empty:hidden sm:grid-cols-2">
              {found.map((each) => {
                const key = `${each.provider}/${each.voice_id}`;
                return (
                  <Choice
                    key={key}
                    name="voice"
                    checked={
                      !showsOther &&
                      voice?.provider === each.provider &&
                      voice.voice_id === each.voice_id
                    }
                    onChange={() => {
                      setOther(false);
                      pick({
                        ...(voice?.provider === each.provider ? voice : NONE),
                        provider: each.provider,
                        voice_id: each.voice_id,
                      });
                    }}
                    label={
                      <span className="flex flex-wrap items-center gap-x-2">
                        {each.name}
                        <Badge>{PROVIDERS[each.provider] ?? each.provider}</Badge>
                      </span>
                    }
                    says={each.description}
                    aside={
                      each.sample && (
                        <IconButton
                          size="sm"
                          label={
                            sample.playing === each.voice_id
                              ? `Stop ${each.name}`
                              : `Listen to ${each.name}`
                          }
                          icon={
                            sample.playing === each.voice_id ? (
                              <CircleStop className="size-5" />
                            ) : (
                              <CirclePlay className="size-5" />
                            )
                          }
                          onClick={() => sample.toggle(each.voice_id)}
                        />
                      )
                    }
                  />
                );
              })}
            </div>
            <Choice
              name="voice"
              checked={showsOther}
              onChange={() => {
                setOther(true);
                if (voice === null) pick(NONE);
              }}
              label="Another one"
              says="By its provider and id."
            />
          </fieldset>
          {showsOther && voice && (
            <div className="grid gap-4 sm:grid-cols-2">
              <Field label="Provider" error={problem("voice.provider")}>
                <Input
                  value={voice.provider}
                  list="voice-providers"
                  placeholder="elevenlabs"
                  onChange={(event) => pick({ ...voice, provider: event.target.value })}
                />
              </Field>
              <datalist id="voice-providers">
                {Object.keys(PROVIDERS).map((each) => (
                  <option key={each} value={each} />
                ))}
              </datalist>
              <Field label="Voice id" error={problem("voice.voice_id")}>
                <Input
                  value={voice.voice_id}
                  onChange={(event) => pick({ ...voice, voice_id: event.target.value })}
                />
              </Field>
            </div>
          )}
          {problem("voice") && <Notice level="error">{problem("voice")}</Notice>}
        </div>
      </Card>
      {voice !== null && <Settings voice={voice} onChange={pick} />}
      <SharedVoice />
      <Pronunciations />
    </>
  );
}

function Settings({ voice, onChange }: { voice: Voice; onChange: (voice: Voice) => void }) {
  const { problem } = useEditing();
  return (
    <Card title="Settings of the voice">
      <div className="grid gap-4 sm:grid-cols-2">
        <Field
          label="Model"
          hint="The provider's name of it; empty for the server's."
          error={problem("voice.model")}
        >
          <Input
            value={voice.model}
            placeholder={voice.provider === "elevenlabs" ? "eleven_flash_v2_5" : ""}
            onChange={(event) => onChange({ ...voice, model: event.target.value })}
          />
        </Field>
        <JsonField
          name="voice.settings"
          label="Settings"
          editorLabel="Settings of the voice"
          hint="JSON, by the provider's names, such as stability."
          placeholder='{ "stability": 0.5, "speed": 1.0 }'
          lines={[3, 10]}
          deep
        />
      </div>
    </Card>
  );
}

/** A voice of ElevenLabs that somebody shares. */
function SharedVoice() {
  const { id, isDirty, took } = useEditing();
  const [link, setLink] = useState("");
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);
  const add = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError("");
    try {
      const now = (await told(
        api.POST("/api/voices/import", { body: { link, persona: id } }),
      )) as Schemas["PersonaOut"];
      took(now);
      setLink("");
      toast("The voice is the persona's now.");
    } catch (thrown) {
      setError(sentenceOf(thrown));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card
      title="A shared voice"
      description="Of ElevenLabs, by its link. It is added to the server's account, and takes effect at once, in the draft and for calls."
    >
      <form onSubmit={(event) => void add(event)} className="flex flex-wrap items-end gap-3">
        <Field
          label="Link or voice id"
          error={error}
          className="grow"
          hint={isDirty ? "Save or discard your edits first." : undefined}
        >
          <Input
            value={link}
            required
            maxLength={500}
            placeholder="https://elevenlabs.io/app/voice-lab/share/…"
            onChange={(event) => setLink(event.target.value)}
          />
        </Field>
        <Button type="submit" busy={isBusy} disabled={isDirty}>
          Use it
        </Button>
      </form>
    </Card>
  );
}

function Pronunciations() {
  const { doc, set, problem } = useEditing();
  // While it is typed, a word may be the same as another one: as rows both are kept.
  const [rows, setRows] = useState(Object.entries(doc.pronunciations));
  const words = same(Object.fromEntries(rows), doc.pronunciations)
    ? rows
    : Object.entries(doc.pronunciations);
  const put = (next: [string, string][]) => {
    setRows(next);
    set({ pronunciations: Object.fromEntries(next) });
  };
  return (
    <Card
      title="Pronunciations"
      description="How words are to be spoken."
      actions={
        <Button
          size="sm"
          icon={<Plus className="size-4" />}
          disabled={words.some(([word]) => word === "")}
          onClick={() => put([...words, ["", ""]])}
        >
          Add word
        </Button>
      }
    >
      {words.length === 0 && <p className="text-sm text-muted">None: words are spoken as usual.</p>}
      <ul className="flex flex-col gap-2 empty:hidden">
        {words.map(([word, spoken], at) => (
          <li key={at} className="flex items-center gap-2">
            <Input
              aria-label={`Word ${at + 1}`}
              placeholder="Bella Roma"
              value={word}
              onChange={(event) =>
                put(words.map((each, n) => (n === at ? [event.target.value, spoken] : each)))
              }
            />
            <Input
              aria-label={`Spoken as ${at + 1}`}
              placeholder="bella ROH-ma"
              value={spoken}
              onChange={(event) =>
                put(words.map((each, n) => (n === at ? [word, event.target.value] : each)))
              }
            />
            <IconButton
              size="sm"
              label={`Delete word ${at + 1}`}
              icon={<Trash2 className="size-4" />}
              onClick={() => put(words.filter((_, n) => n !== at))}
            />
          </li>
        ))}
      </ul>
      {problem("pronunciations", true) && (
        <Notice level="error" className="mt-3">
          Each word needs something in both places. {problem("pronunciations", true)}
        </Notice>
      )}
    </Card>
  );
}

/** Plays one sample at a time. */
function useSample() {
  const [playing, setPlaying] = useState("");
  const audio = useRef<HTMLAudioElement | null>(null);
  useEffect(() => () => audio.current?.pause(), []);
  const toggle = (voiceId: string) => {
    audio.current?.pause();
    if (playing === voiceId) return setPlaying("");
    const next = new Audio(`/api/voices/${encodeURIComponent(voiceId)}/sample`);
    audio.current = next;
    setPlaying(voiceId);
    const done = () => setPlaying((old) => (old === voiceId ? "" : old));
    next.addEventListener("ended", done);
    next.play().catch((error: unknown) => {
      done();
      if (error instanceof DOMException && error.name === "AbortError") return;
      toast("The sample cannot be played.", "error");
    });
  };
  return { playing, toggle };
}
