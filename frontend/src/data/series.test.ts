import { computed, effect } from "@preact/signals";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { matchAnswer } from "./api";
import { logged } from "./fixtures";
import { SeriesCache } from "./series";
import type { Logged, SeriesKey } from "./types";

interface Call {
  keys: readonly SeriesKey[];
  signal: AbortSignal;
  answer: (value: Logged | null) => Promise<void>;
  fail: () => Promise<void>;
}

describe("the series cache", () => {
  let calls: Call[];
  let cache: SeriesCache;
  const key = (tag: string, run = "a") => ({ run, tag });
  const frame = () => vi.advanceTimersByTimeAsync(20);

  beforeEach(() => {
    vi.useFakeTimers();
    calls = [];
    cache = new SeriesCache(100, (keys, _, signal) => {
      return new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("aborted")));
        calls.push({
          keys,
          signal,
          answer: async (value) => {
            resolve(keys.map(() => value));
            await vi.advanceTimersByTimeAsync(0);
          },
          fail: async () => {
            reject(new Error("no answer"));
            await vi.advanceTimersByTimeAsync(0);
          },
        });
      });
    });
  });
  afterEach(() => vi.useRealTimers());

  it("asks once for all that is wanted within a frame, and not again", async () => {
    cache.want([key("x")]);
    cache.want([key("x"), key("y")]);
    await frame();
    expect(calls.map((call) => call.keys.length)).toEqual([2]);
    expect(cache.get(key("x"))).toBeUndefined();
    await calls[0]?.answer(logged([1, 0.5, 0]));
    expect(cache.get(key("x"))).toEqual(logged([1, 0.5, 0]));
    cache.want([key("x")]);
    await frame();
    expect(calls.length).toBe(1);
  });

  it("aborts what nobody wants any more, and asks again when someone does", async () => {
    const release = cache.want([key("x")]);
    await frame();
    release();
    expect(calls[0]?.signal.aborted).toBe(true);
    cache.want([key("x")]);
    await frame();
    expect(calls.length).toBe(2);
    expect(cache.error.value).toBeNull();
  });

  it("fetches changed runs again, keeps showing the old curve, and drops late answers", async () => {
    cache.want([key("x"), key("x", "b")]);
    await frame();
    await calls[0]?.answer(logged([1, 0.1, 0]));
    cache.invalidate(new Set(["a"]));
    await frame();
    expect(calls[1]?.keys).toEqual([key("x")]);
    expect(cache.get(key("x"))).toEqual(logged([1, 0.1, 0]));
    cache.invalidate(new Set(["a"]));
    await frame();
    expect(calls[1]?.signal.aborted).toBe(true);
    await calls[2]?.answer(logged([3, 0.3, 0]));
    await calls[1]?.answer(logged([2, 0.2, 0]));
    expect(cache.get(key("x"))).toEqual(logged([3, 0.3, 0]));
  });

  it("lets a request go on that still has to answer for another run", async () => {
    cache.want([key("x"), key("x", "b")]);
    await frame();
    cache.invalidate(new Set(["a"]));
    await frame();
    expect(calls[0]?.signal.aborted).toBe(false);
    await calls[0]?.answer(logged([1, 0.1, 0]));
    expect(cache.get(key("x", "b"))).toEqual(logged([1, 0.1, 0]));
    expect(cache.get(key("x"))).toBeUndefined();
    await calls[1]?.answer(logged([2, 0.2, 0]));
    expect(cache.get(key("x"))).toEqual(logged([2, 0.2, 0]));
  });

  it("says what failed, and tries again when asked to", async () => {
    cache.want([key("x")]);
    await frame();
    await calls[0]?.fail();
    expect(cache.error.value).toBe("no answer");
    cache.retry();
    await frame();
    await calls[1]?.answer(null);
    expect(cache.error.value).toBeNull();
    expect(cache.get(key("x"))).toBeNull();
  });

  it("fetches what it let go of again, for who looked at it before", async () => {
    const seen = computed(() => cache.get(key("first")));
    const stop = effect(() => void seen.value);
    const release = cache.want([key("first")]);
    await frame();
    await calls[0]?.answer(logged([1, 0.1, 0]));
    release();
    expect(seen.value).toEqual(logged([1, 0.1, 0]));
    const others = Array.from({ length: 1600 }, (_, i) => key(`other ${i}`));
    const releaseOthers = cache.want(others);
    await frame();
    for (const call of calls.slice(1)) await call.answer(logged([1, 0.5, 0]));
    releaseOthers();
    expect(seen.value).toBeUndefined();
    cache.want([key("first")]);
    await frame();
    await calls.at(-1)?.answer(logged([2, 0.2, 0]));
    expect(seen.value).toEqual(logged([2, 0.2, 0]));
    stop();
  });
});

it("an answer is matched by run and tag, and a missing tag is no failure", () => {
  const keys = [
    { run: "a", tag: "x" },
    { run: "a", tag: "gone" },
  ];
  const answer = {
    axes: [{ step: [1, 2], wall_time: [7, 8.5] }],
    series: [
      { run: "a", tag: "gone", error: "no such tag" },
      { run: "a", tag: "x", axis: 0, value: [0.5, null] },
    ],
  };
  expect(matchAnswer(keys, answer)).toEqual([logged([1, 0.5, 7], [2, null, 8.5]), null]);
});
