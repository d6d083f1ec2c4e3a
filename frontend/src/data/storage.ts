/** Local storage that may be missing, full or filled by someone else: never a reason to fail. */

export function remember(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Private windows refuse; the page works without.
  }
}

export function recall(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

/** The entries of a remembered object whose values pass `is`. */
export function recallRecord<T>(
  key: string,
  is: (value: unknown) => value is T,
): Record<string, T> {
  const stored = recall(key);
  if (stored === null || typeof stored !== "object") return {};
  // Not by assignment: a run may be called "__proto__".
  return Object.fromEntries(
    Object.entries(stored).filter((entry): entry is [string, T] => is(entry[1])),
  );
}
