import { type ReadonlySignal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { cancel, inFrame } from "./frames";

/** What is to be seen of an element. */
export interface Sight {
  /** It is on the screen, or about to be. */
  near: boolean;
  /** It is on the screen. */
  seen: boolean;
}

interface Entry {
  sight: Sight;
  tell: () => void;
}

const AWAY: Sight = { near: false, seen: false };
const told = new Map<Element, Entry>();

/** One observer for all: a thousand of them would each look at every frame. */
const nearby = observer("240px 0px", (entry, { target, boundingClientRect }, near) => {
  entry.sight = near ? { ...entry.sight, near } : AWAY;
  if (near) screen().observe(target);
  else screen().unobserve(target);
  const { height } = boundingClientRect;
  if (height > 0) (target as HTMLElement).style.setProperty("--seen-height", `${height}px`);
});
/** Of those that are near only. */
const screen = observer("0px", (entry, _, seen) => {
  entry.sight = { near: true, seen };
});

function observer(
  rootMargin: string,
  see: (entry: Entry, change: IntersectionObserverEntry, isIntersecting: boolean) => void,
): () => IntersectionObserver {
  let made: IntersectionObserver | null = null;
  const look = (changes: IntersectionObserverEntry[]) => {
    for (const change of changes) {
      const entry = told.get(change.target);
      if (!entry) continue;
      see(entry, change, change.isIntersecting);
      inFrame(entry.tell);
    }
  };
  return () => {
    // The document, not the top window: within an iframe only so does the margin count.
    made ??= new IntersectionObserver(look, { root: document, rootMargin });
    return made;
  };
}

function watch(element: Element, tell: (sight: Sight) => void): () => void {
  const entry: Entry = { sight: AWAY, tell: () => tell(entry.sight) };
  told.set(element, entry);
  nearby().observe(element);
  return () => {
    told.delete(element);
    cancel(entry.tell);
    nearby().unobserve(element);
    screen().unobserve(element);
  };
}

/**
 * What is to be seen of an element. What goes away may be emptied: the style `--seen-height` keeps
 * how high it was.
 */
export function useSight(ref: RefObject<Element | null>): {
  near: boolean;
  seen: ReadonlySignal<boolean>;
} {
  const [near, setNear] = useState(false);
  const seen = useSignal(false);
  useEffect(() => {
    if (!ref.current) return;
    return watch(ref.current, (sight) => {
      seen.value = sight.seen;
      setNear(sight.near);
    });
  }, [ref, seen]);
  return { near, seen };
}

/** Whether an element is on the screen, or about to be. */
export function useVisible(ref: RefObject<Element | null>): boolean {
  return useSight(ref).near;
}
