import type { ComponentChildren } from "preact";
import type { Part } from "../data/parts";
import { runColor } from "../data/store";
import type { Run } from "../data/types";
import { LineSwatch } from "./swatch";

/** What the headlines of all views are made of. */

/** The parts of a sentence, each set as its kind. */
export function Parts({ parts }: { parts: readonly Part[] }) {
  return parts.map(({ text, kind }, i) => (
    <span key={i} class={kind}>
      {text}
    </span>
  ));
}

/** The run that a sentence is about. */
export function Who({ run }: { run: Run }) {
  return (
    <>
      <LineSwatch color={runColor(run)} />
      <span class="run-name">{run.name}:</span>{" "}
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
