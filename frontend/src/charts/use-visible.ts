import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { cancel, inFrame } from "./frames";

/** One observer for all: a thousand of them would each look at every frame. */
let observer: IntersectionObserver | null = null;
const told = new Map<Element, { visible: boolean; tell: () => void }>();

function watch(element: Element, tell: (visible: boolean) => void): () => void {
  observer ??= new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting, boundingClientRect } of entries) {
        const entry = told.get(target);
        if (!entry) continue;
        entry.visible = isIntersecting;
        const { height } = boundingClientRect;
        if (height > 0) (target as HTMLElement).style.setProperty("--seen-height", `${height}px`);
        inFrame(entry.tell);
      }
    },
    // The document, not the top window: within an iframe only so does the margin count.
    { root: document, rootMargin: "240px 0px" },
  );
  const entry = { visible: false, tell: () => tell(entry.visible) };
  told.set(element, entry);
  observer.observe(element);
  return () => {
    told.delete(element);
    cancel(entry.tell);
    observer?.unobserve(element);
  };
}

/**
 * Whether an element is on the screen, or about to be. What leaves it may be emptied: the style
 * `--seen-height` keeps how high it was.
 */
export function useVisible(ref: RefObject<Element | null>): boolean {
  const [visible, setVisible] = useState(false);
  useEffect(() => (ref.current ? watch(ref.current, setVisible) : undefined), [ref]);
  return visible;
}
