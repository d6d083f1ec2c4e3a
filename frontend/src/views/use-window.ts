import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

/** Rows beyond the screen that are there already, so that scrolling shows no gaps. */
const SPARE = 12;

/** Which rows of a long list are on the screen: `[first, behind the last]`. All have one height. */
export function useWindow(
  list: RefObject<HTMLElement | null>,
  count: number,
  height: number,
): [number, number] {
  const [range, setRange] = useState<[number, number]>([0, Math.min(count, 60)]);
  useEffect(() => {
    const look = () => {
      const top = list.current?.getBoundingClientRect().top;
      if (top === undefined || window.innerHeight === 0) return;
      const first = Math.max(0, Math.floor(-top / height) - SPARE);
      const behind = Math.min(count, Math.ceil((window.innerHeight - top) / height) + SPARE);
      setRange(([a, b]) =>
        a === first && b === behind ? [a, b] : [first, Math.max(first, behind)],
      );
    };
    look();
    const size = new ResizeObserver(look);
    size.observe(document.documentElement);
    document.addEventListener("scroll", look, { passive: true });
    return () => {
      size.disconnect();
      document.removeEventListener("scroll", look);
    };
  }, [list, count, height]);
  return [Math.min(range[0], count), Math.min(range[1], count)];
}
