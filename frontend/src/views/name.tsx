/** Names up to this length are left to the browser to cut. */
const SHORT = 20;
const SEPARATORS = "/,_- ";

/**
 * A name that may not fit. Long names of runs and weights differ at their ends as often as at
 * their beginnings, so it is the middle that gives way.
 */
export function Name({ text }: { text: string }) {
  const cut = text.length > SHORT ? tailOf(text) : text.length;
  return (
    <span class="cut-name">
      <span class="words">{text.slice(0, cut)}</span>
      {cut < text.length && <span class="tail">{text.slice(cut)}</span>}
    </span>
  );
}

/** Where the tail begins: at the last separator, unless it stands too near to the end or too far. */
function tailOf(text: string): number {
  const from = text.length - 16;
  const near = text.slice(from, -4);
  const separator = Math.max(...[...SEPARATORS].map((character) => near.lastIndexOf(character)));
  return separator < 0 ? text.length - 10 : from + separator;
}
