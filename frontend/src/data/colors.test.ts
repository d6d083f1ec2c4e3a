import { describe, expect, it } from "vitest";
import { assignHues, colorOf, HUES, type Hue, MARKS, markOf } from "./colors";

describe("hues", () => {
  const names = Array.from({ length: 8 }, (_, i) => `run-${i}`);
  const many = Array.from({ length: 48 }, (_, i) => `run-${i}`);

  it("differ as long as there are enough, whatever the order of the runs", () => {
    const hues = assignHues(names, {});
    expect(new Set(Object.values(hues)).size).toBe(HUES);
    expect(assignHues([...names].reverse(), {})).toEqual(hues);
  });

  it("stay with their run when others come or go", () => {
    const before = assignHues(["b", "c"], {});
    expect(assignHues(["a", "b", "c", "d"], before)).toMatchObject(before);
  });

  it("are shared evenly beyond eight, and survive nonsense in the storage", () => {
    const hues = assignHues(many, { "run-0": 99, "run-1": -1, "run-2": "red" });
    const uses = Array.from({ length: HUES }, (_, hue) =>
      Object.values(hues).filter((h) => (h as number) % HUES === hue),
    );
    expect(uses.every((used) => used.length === 6)).toBe(true);
  });

  it("that are shared come with another mark each, plain ones first", () => {
    const hues = assignHues(many, {});
    expect(new Set(Object.values(hues)).size).toBe(many.length);
    expect(Object.values(assignHues(names, {})).every((hue) => markOf(hue) === 0)).toBe(true);
    expect(new Set(many.map((name) => markOf(hues[name] as Hue))).size).toBe(MARKS.length);
  });

  it("that two runs remember alike are told apart, and the first keeps its own", () => {
    const hues = assignHues(["a", "b", "c"], { a: 3, b: 3, c: 11 });
    expect(hues.a).toBe(3);
    expect(new Set([hues.a, hues.b, hues.c]).size).toBe(3);
    expect([hues.b, hues.c].map((hue) => (hue as number) % HUES)).toEqual([3, 3]);
  });

  it("give way to a colour that the user chose", () => {
    const hues = assignHues(["a", "b"], { a: "#123456" });
    expect(hues.a).toBe("#123456");
    expect(colorOf("#123456", "dark")).toBe("#123456");
    expect(markOf("#123456")).toBe(0);
    expect(colorOf(3 + 2 * HUES, "light")).toBe(colorOf(3, "light"));
  });
});
