/** A piece of a sentence; the kind says how it is set, never what it means. */
export interface Part {
  text: string;
  kind: "number" | "problem" | "plain";
}

export const plain = (text: string): Part => ({ text, kind: "plain" });
export const strong = (text: string): Part => ({ text, kind: "number" });
export const problem = (text: string): Part => ({ text, kind: "problem" });

export function textOf(parts: readonly Part[]): string {
  return parts.map((part) => part.text).join("");
}
