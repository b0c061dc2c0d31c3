import { ArrowDown, ArrowUp, ChevronRight, Plus, Search, Trash2 } from "lucide-react";
import { useId, useRef, useState } from "react";

import { cx } from "@/lib/cx";
import { count } from "@/lib/format";
import { Badge, Button, Card, Empty, Field, IconButton, Input, Notice, Textarea } from "@/ui";

import { root, type Scenario } from "../editing/document";
import { useEditing } from "../editing/useEditing";
import { ScenarioTester } from "./ScenarioTester";

const NEW: Scenario = { context: "", personaSays: [], userSays: [], responseGuidelines: "" };
const KEYWORD = "{{#each scenarios}}{{/each}}";
const STEP = 50;

export function ScenariosSection() {
  const { doc, set, errors, verdict } = useEditing();
  const { scenarios } = doc;
  const [open, setOpen] = useState<number>();
  const [text, setText] = useState("");
  const [most, setMost] = useState(STEP);
  const list = useRef<HTMLOListElement>(null);

  const change = (next: Scenario[]) => set({ scenarios: next });
  const show = (index: number) => {
    setText("");
    setMost((old) => Math.max(old, index + 1));
    setOpen(index);
    setTimeout(() => {
      const item = list.current?.querySelector<HTMLElement>(`[data-index="${index}"]`);
      item?.scrollIntoView({ block: "center" });
      item?.querySelector<HTMLElement>("textarea")?.focus();
    }, 0);
  };
  const move = (from: number, to: number) => {
    const next = [...scenarios];
    const [moved] = next.splice(from, 1);
    if (moved === undefined) return;
    next.splice(to, 0, moved);
    change(next);
    if (open === from) setOpen(to);
    else if (open === to) setOpen(from);
  };
  const said = [
    ...errors.map((each) => ({ ...each, severity: "error" })),
    ...(verdict?.findings ?? []),
  ].filter((each) => root(each.field) === "scenarios");
  const about = (index: number) =>
    said.filter((each) => /^scenarios\[(\d+)\]/.exec(each.field)?.[1] === String(index));

  const wanted = text.trim().toLowerCase();
  const found = scenarios
    .map((scenario, index) => ({ scenario, index }))
    .filter(
      ({ scenario }) =>
        wanted === "" ||
        [scenario.context, scenario.responseGuidelines, ...scenario.userSays, ...scenario.personaSays]
          .join("\n")
          .toLowerCase()
          .includes(wanted),
    );
  const isUnused = scenarios.length > 0 && !/\{\{#each\s+scenarios/.test(doc.prompt);

  return (
    <>
      {isUnused && (
        <Notice
          level="warning"
          action={
            <Button
              size="sm"
              onClick={() => set({ prompt: `${doc.prompt.trimEnd()}\n\n${KEYWORD}\n` })}
            >
              Add it
            </Button>
          }
        >
          The persona never sees a scenario: its prompt lacks <code>{KEYWORD}</code>.
        </Notice>
      )}
      <ScenarioTester onShow={show} />
      <Card
        flush
        title="Scenarios"
        description="What it knows for certain situations. The five that fit best are given to the model on each turn."
        actions={
          <Button
            size="sm"
            icon={<Plus className="size-4" />}
            onClick={() => {
              change([...scenarios, NEW]);
              show(scenarios.length);
            }}
          >
            Add scenario
          </Button>
        }
      >
        {scenarios.length === 0 && (
          <Empty title="No scenarios">
            Prices, opening hours, what to say to an angry caller: what is needed now and then is
            better here than in the prompt, which stays short.
          </Empty>
        )}
        {scenarios.length > 5 && (
          <div className="relative px-4 pb-3 sm:px-5">
            <Search
              aria-hidden
              className="pointer-events-none absolute top-3 left-7 size-4 text-muted sm:left-8"
            />
            <Input
              type="search"
              aria-label="Search scenarios"
              placeholder={`Search ${scenarios.length} scenarios`}
              value={text}
              onChange={(event) => setText(event.target.value)}
              className="pl-9"
            />
          </div>
        )}
        <ol ref={list} className="divide-y divide-line border-t border-line empty:hidden">
          {found.slice(0, most).map(({ scenario, index }) => (
            <Item
              key={index}
              index={index}
              scenario={scenario}
              isLast={index === scenarios.length - 1}
              isOpen={open === index}
              onToggle={() => setOpen(open === index ? undefined : index)}
              onChange={(next) => change(scenarios.map((each, at) => (at === index ? next : each)))}
              onMove={(by) => move(index, index + by)}
              onDelete={() => {
                change(scenarios.filter((_, at) => at !== index));
                setOpen(undefined);
              }}
              said={about(index)}
            />
          ))}
        </ol>
        {found.length === 0 && scenarios.length > 0 && (
          <p className="px-5 py-6 text-center text-muted">No scenario has these words.</p>
        )}
        {found.length > most && (
          <div className="border-t border-line p-3 text-center">
            <Button size="sm" kind="ghost" onClick={() => setMost(most + 4 * STEP)}>
              Show more of {count(found.length, "scenario")}
            </Button>
          </div>
        )}
      </Card>
    </>
  );
}

interface ItemProps {
  index: number;
  scenario: Scenario;
  isLast: boolean;
  isOpen: boolean;
  onToggle: () => void;
  onChange: (next: Scenario) => void;
  onMove: (by: -1 | 1) => void;
  onDelete: () => void;
  said: { field: string; message: string; severity: string }[];
}

function Item({
  index,
  scenario,
  isLast,
  isOpen,
  onToggle,
  onChange,
  onMove,
  onDelete,
  said,
}: ItemProps) {
  const id = useId();
  const title = scenario.context || scenario.userSays[0] || scenario.personaSays[0] || "New scenario";
  const errors = said.filter((each) => each.severity === "error");
  const own = (name: string) => said.find((each) => each.field.endsWith(`.${name}`))?.message;
  // What names no field of it is about the sayings, or the response.
  const whole = errors.find((each) => /\]$/.test(each.field))?.message;
  const doubtful = said.find((each) => each.severity !== "error")?.message;
  const lines = (text: string) => (text === "" ? [] : text.split("\n"));
  return (
    <li data-index={index}>
      <div className="flex items-center gap-1 px-2 py-1.5 sm:px-3">
        <button
          type="button"
          aria-expanded={isOpen}
          aria-controls={`${id}-fields`}
          onClick={onToggle}
          className="flex min-w-0 grow items-center gap-2.5 rounded-md px-2 py-1.5 text-left hover:bg-hover"
        >
          <ChevronRight
            aria-hidden
            className={cx("size-4 shrink-0 text-muted transition-transform", isOpen && "rotate-90")}
          />
          <span className="w-6 shrink-0 text-right text-sm tabular text-muted">{index + 1}</span>
          <span className="min-w-0 grow truncate">{title}</span>
          {errors.length > 0 ? (
            <Badge tone="danger">Incomplete</Badge>
          ) : (
            doubtful && <Badge tone="warn">Doubtful</Badge>
          )}
        </button>
        <IconButton
          size="sm"
          label={`Move scenario ${index + 1} up`}
          icon={<ArrowUp className="size-4" />}
          disabled={index === 0}
          onClick={() => onMove(-1)}
          className="max-sm:hidden"
        />
        <IconButton
          size="sm"
          label={`Move scenario ${index + 1} down`}
          icon={<ArrowDown className="size-4" />}
          disabled={isLast}
          onClick={() => onMove(1)}
          className="max-sm:hidden"
        />
        <IconButton
          size="sm"
          label={`Delete scenario ${index + 1}`}
          icon={<Trash2 className="size-4" />}
          onClick={onDelete}
        />
      </div>
      {isOpen && (
        <div id={`${id}-fields`} className="grid gap-4 px-4 pt-1 pb-5 sm:px-5 md:grid-cols-2">
          <Field label="Context" hint="The situation." error={own("context")} className="md:col-span-2">
            <Textarea
              rows={2}
              value={scenario.context}
              placeholder="If the guest asks for prices"
              onChange={(event) => onChange({ ...scenario, context: event.target.value })}
            />
          </Field>
          <Field
            label="User says"
            hint="What the caller may say, one a line."
            error={own("userSays") ?? whole}
          >
            <Textarea
              rows={3}
              value={scenario.userSays.join("\n")}
              placeholder={"How much is the pizza?\nIs it expensive?"}
              onChange={(event) => onChange({ ...scenario, userSays: lines(event.target.value) })}
            />
          </Field>
          <Field
            label="Persona says"
            hint="Or what the persona has said, one a line."
            error={own("personaSays")}
          >
            <Textarea
              rows={3}
              value={scenario.personaSays.join("\n")}
              onChange={(event) => onChange({ ...scenario, personaSays: lines(event.target.value) })}
            />
          </Field>
          <Field
            label="How to respond"
            error={own("responseGuidelines")}
            hint={errors.length === 0 ? doubtful : undefined}
            className="md:col-span-2"
          >
            <Textarea
              rows={3}
              value={scenario.responseGuidelines}
              placeholder="Say that the pizza Margherita is twelve dollars."
              onChange={(event) => onChange({ ...scenario, responseGuidelines: event.target.value })}
            />
          </Field>
        </div>
      )}
    </li>
  );
}
