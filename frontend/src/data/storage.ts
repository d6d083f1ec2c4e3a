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
export function recallRecord<T>(key: string, is: (value: unknown) => value is T) {
  const stored = recall(key);
  const record: Record<string, T> = {};
  if (stored === null || typeof stored !== "object") return record;
  for (const [name, value] of Object.entries(stored)) if (is(value)) record[name] = value;
  return record;
}
