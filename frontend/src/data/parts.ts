/** A piece of a sentence; the kind says how it is set, never what it means. */
export interface Part {
  text: string;
  kind: "number" | "problem" | "plain";
  /** What it speaks of. */
  to?: Place;
}

/** A curve, and the step on it that matters. */
export type Place = { step: number | null } & ({ weight: string } | { metric: string });

export const plain = (text: string): Part => ({ text, kind: "plain" });
export const strong = (text: string): Part => ({ text, kind: "number" });
export const problem = (text: string, to?: Place): Part => ({
  text,
  kind: "problem",
  ...(to && { to }),
});

export function textOf(parts: readonly Part[]): string {
  return parts.map((part) => part.text).join("");
}
