import { effect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { SeriesCache } from "../data/series";
import type { SeriesKey } from "../data/types";

/** Wants series while `visible`; `keys` reads signals only, and is asked again when they change. */
export function useWanted<T>(
  cache: SeriesCache<T>,
  visible: boolean,
  keys: () => SeriesKey[],
): void {
  useEffect(() => {
    if (!visible) return;
    let release = () => {};
    const stop = effect(() => {
      const before = release;
      release = cache.want(keys());
      before();
    });
    return () => {
      stop();
      release();
    };
  }, [cache, visible]);
}
