import type { Theme } from "../data/colors";
import { theme } from "../data/store";
import { HOST_DARK_CLASS } from "../names";

/** TensorBoard's own body, where the page stands in its iframe and may look at it. */
function hostBody(): HTMLElement | null {
  try {
    return window.parent !== window ? window.parent.document.body : null;
  } catch {
    // Another origin (a notebook's proxy): the host's theme can't be known.
    return null;
  }
}

/** Follows TensorBoard's dark mode, or the system's where there is no host to look at. */
export function followTheme(): void {
  const body = hostBody();
  if (body) {
    const read = () => {
      setTheme(body.classList.contains(HOST_DARK_CLASS) ? "dark" : "light");
    };
    new MutationObserver(read).observe(body, { attributes: true, attributeFilter: ["class"] });
    read();
  } else {
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const read = () => {
      setTheme(dark.matches ? "dark" : "light");
    };
    dark.addEventListener("change", read);
    read();
  }
}

function setTheme(next: Theme): void {
  // The attribute first: charts that redraw on the signal read their colours from the styles.
  document.documentElement.dataset.theme = next;
  theme.value = next;
}
