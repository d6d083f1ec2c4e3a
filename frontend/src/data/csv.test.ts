import { describe, expect, it } from "vitest";
import { csvCell, fileName, toCsv } from "./csv";
import { points } from "./fixtures";

describe("a table for other programs", () => {
  it("has one row a step and one column a curve", () => {
    const a = { name: "a", points: points([1, 0.5], [3, null]), places: [0, 2.5] };
    const b = { name: "b", points: points([2, -1e-9], [3, 4]), places: [0.5, 60] };
    expect(toCsv([a, b], "step")).toBe("step,a,b\r\n1,0.5,\r\n2,,-1e-9\r\n3,,4\r\n");
    expect(toCsv([a, b], "relative")).toBe(
      "step,a,b,a seconds,b seconds\r\n1,0.5,,0,\r\n2,,-1e-9,,0.5\r\n3,,4,2.5,60\r\n",
    );
    expect(toCsv([], "wall")).toBe("step\r\n");
  });

  it.each(["=cmd()", "+1", "-1", "@x", "\tx"])(
    "has no name that a spreadsheet runs: %j",
    (name) => {
      expect(csvCell(name)).toBe(`'${name}`);
    },
  );

  it("quotes what would end a cell", () => {
    expect(csvCell('a,"b"\n')).toBe('"a,""b""\n"');
    expect(csvCell("=a,b")).toBe('"\'=a,b"');
  });
});

it.each([
  ["Sparsity of dense/kernel", "Sparsity-of-dense-kernel.csv"],
  ["../../etc/passwd", "etc-passwd.csv"],
  ["🙂", "chart.csv"],
  ["x".repeat(10_000), `${"x".repeat(80)}.csv`],
])("a file is named after %s", (subject, name) => {
  expect(fileName(subject, "csv")).toBe(name);
});
