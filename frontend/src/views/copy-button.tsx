import { useEffect, useRef, useState } from "preact/hooks";

const SAID_MS = 2000;

interface Props {
  words: string;
  /** What a screen reader calls the field that the text is copied from where the browser refuses to. */
  field: string;
  text: () => string;
}

/** Puts a text on the clipboard; where that is refused, it is there to be copied. */
export function CopyButton({ words, field: label, text }: Props) {
  const [copied, setCopied] = useState(false);
  const [refused, setRefused] = useState<string | null>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), SAID_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  useEffect(() => {
    if (refused === null) return;
    field.current?.focus();
    field.current?.select();
  }, [refused]);

  const copy = async () => {
    const said = text();
    try {
      await navigator.clipboard.writeText(said);
      setRefused(null);
      setCopied(true);
    } catch {
      // There is no clipboard on a page without TLS, and a frame may be denied it.
      setRefused(said);
    }
  };
  const close = () => {
    setRefused(null);
    button.current?.focus();
  };
  return (
    <span class="copy-link">
      <button
        ref={button}
        type="button"
        class="button"
        aria-label={words}
        data-copied={copied || undefined}
        onClick={() => void copy()}
      >
        <span>{words}</span>
        {copied && <span>Copied</span>}
      </button>
      <span class="hidden" role="status">
        {copied ? "Copied" : ""}
      </span>
      {refused !== null && (
        <textarea
          ref={field}
          class="filter"
          readOnly
          aria-label={label}
          value={refused}
          onKeyDown={(event) => {
            if (event.key === "Escape") close();
          }}
          onBlur={() => setRefused(null)}
        />
      )}
    </span>
  );
}
