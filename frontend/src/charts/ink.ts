const inks = new Map<string, string>();
let theme: string | undefined;

/**
 * A colour of the stylesheet, by its name there: "--page". It is asked for once in each theme, as
 * every question has the page's styles settled first, in the middle of a frame.
 */
export function ink(name: string): string {
  const root = document.documentElement;
  if (root.dataset.theme !== theme) inks.clear();
  theme = root.dataset.theme;
  const color = inks.get(name) ?? getComputedStyle(root).getPropertyValue(name);
  if (color !== "") inks.set(name, color);
  return color;
}
