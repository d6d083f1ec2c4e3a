import { expect, it } from "vitest";
import { manifest, points, ramp, weight } from "./fixtures";
import { formatShare } from "./format";
import { readingAt, textOfReading } from "./readout";
import { weightPlan } from "./schedule";

const plan = weightPlan(manifest([weight("a/kernel", 1000)], [ramp(20, 120, 0.5)]), "a/kernel");
const curve = points([10, 0], [47, 0.099], [50, null], [120, 0.5]);
const at = (step: number | null, p = plan) =>
  textOfReading(readingAt(curve, p, step), (value) => formatShare(value).replace("\u2009", " "));

it("names the step whose target was due, and the difference to it", () => {
  expect(at(49)).toMatchObject({ measured: "9.9 %", due: "40", difference: "−0.1" });
  expect(at(null)).toMatchObject({ measured: "50.0 %", due: "120", difference: "0.0" });
});

it("reads the last value before a gap", () => {
  expect(at(60)).toMatchObject({ measured: "9.9 %" });
});

it("has no target before the first update, without a schedule, or without a point", () => {
  expect(at(15)).toMatchObject({ measured: "0.0 %", label: "target from", due: "20", target: "–" });
  expect(at(60, null)).toMatchObject({ label: "no schedule", due: "", target: "–" });
  expect(at(5)).toMatchObject({ measured: "–", target: "–" });
});
