/** Names up to this length are left to the browser to cut. */
const SHORT = 20;
const SEPARATORS = "/,_- ";

/**
 * A name that may not fit. Long names of runs and weights differ at their ends as often as at
 * their beginnings, so it is the middle that gives way.
 */
export function Name({ text: name }: { text: string }) {
  const text = name.replace(/\s/g, " "); // a name has one line
  const cut = text.length > SHORT ? wholeCharacter(text, tailOf(text)) : text.length;
  return (
    <span class="cut-name">
      <span class="words">{text.slice(0, cut)}</span>
      {cut < text.length && <span class="tail">{text.slice(cut)}</span>}
    </span>
  );
}

/** The second half of a pair, such as an emoji is made of, stays with the first. */
function wholeCharacter(text: string, at: number): number {
  return /^[\udc00-\udfff]/.test(text.slice(at)) ? at - 1 : at;
}

/** Where the tail begins: at the last separator, unless it stands too near to the end or too far. */
function tailOf(text: string): number {
  const from = text.length - 16;
  const near = text.slice(from, -4);
  const separator = Math.max(...[...SEPARATORS].map((character) => near.lastIndexOf(character)));
  return separator < 0 ? text.length - 10 : from + separator;
}
