import { soloRun, toggleRun } from "../data/store";
import type { Run } from "../data/types";

/** What clicks and keys do with a run, wherever its name stands as a button. */
export function runActions({ run }: Run) {
  return {
    onClick: ({ altKey }: MouseEvent) => (altKey ? soloRun(run) : toggleRun(run)),
    onKeyDown: (event: KeyboardEvent) => {
      // Not every browser makes a click of it.
      if (event.key !== "Enter" || !event.altKey) return;
      event.preventDefault();
      soloRun(run);
    },
    "aria-keyshortcuts": "Alt+Enter",
  };
}
