import type { ComponentChildren } from "preact";
import type { Part } from "../data/parts";
import { runColor, runMark } from "../data/store";
import type { Run } from "../data/types";
import { showPlace } from "./show-curve";
import { LineSwatch } from "./swatch";

/** What the headlines of all views are made of. */

/** The parts of a sentence, each set as its kind; those that speak of a curve lead to it. */
export function Parts({ parts }: { parts: readonly Part[] }) {
  return parts.map(({ text, kind, to }, i) =>
    to ? (
      <button key={i} type="button" class={`place ${kind}`} onClick={() => showPlace(to)}>
        {shortened(text)}
      </button>
    ) : (
      <span key={i} class={kind}>
        {shortened(text)}
      </span>
    ),
  );
}

/** A name may have thousands of letters; a sentence that holds one must not fill the page. */
const LONGEST = 300;

function shortened(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, 200)}…${text.slice(-80)}`;
}

/** The run that a sentence is about. */
export function Who({ run }: { run: Run }) {
  return (
    <>
      <LineSwatch color={runColor(run)} mark={runMark(run)} />
      <span class="run-name">{shortened(run.name)}:</span>{" "}
    </>
  );
}

/** The first few of a list; one more takes no more room than the words that would stand for it. */
export function firstOf<T>(all: readonly T[], few: number): readonly T[] {
  return all.length <= few + 1 ? all : all.slice(0, few);
}

interface MoreProps {
  count: number;
  onShow: () => void;
  children?: ComponentChildren;
}

/** Stands for sentences that aren't shown until asked for. */
export function More({ count, onShow, children }: MoreProps) {
  return (
    <button type="button" class="link" onClick={onShow}>
      and {count} more{children}
    </button>
  );
}
