import { expect, it } from "vitest";
import { manifest, run } from "./fixtures";
import { isLive } from "./status";

it.each([
  ["written a moment ago", 1000, null, 1010, true],
  ["written a moment ago, by a clock that is ahead", 1010, null, 1000, true],
  ["silent for long", 1000, null, 1200, false],
  ["at its last step", 1000, 100, 1010, false],
  ["before its last step", 1000, 101, 1010, true],
])("a run that is %s", (_, wall, total, now, live) => {
  const seen = run("a", {
    last_step: 100,
    last_wall_time: wall,
    manifest: manifest([], [], total),
  });
  expect(isLive(seen, now)).toBe(live);
});
