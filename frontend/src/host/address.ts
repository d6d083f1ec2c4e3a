import { effect } from "@preact/signals";
import { type Params, paramsOf, withParams } from "../data/link";

/** TensorBoard's window, whose address the user sees and copies; the page's own where there is none. */
function host(): Window {
  try {
    // Another origin (a notebook's proxy) refuses even a look.
    return window.parent.location.hash === undefined ? window : window.parent;
  } catch {
    return window;
  }
}

/** The tab's parameters in the address. */
export function readAddress(): Params {
  return paramsOf(host().location.hash);
}

/** Browsers refuse more than a hundred changes of the address in ten seconds. */
const EVERY_MS = 120;

/** Keeps the address in step with the page, and the page with an address that the user changes. */
export function followAddress(state: () => Params, accept: (params: Params) => void): void {
  const { history, location } = host();
  let written = JSON.stringify(readAddress());
  let waiting = false;
  let last = 0;
  const write = () => {
    const params = state();
    written = JSON.stringify(params);
    last = Date.now();
    // Replaced, not pushed: "back" leaves the tab and doesn't undo each click in it.
    history.replaceState(history.state, "", withParams(location.hash, params));
  };
  effect(() => {
    if (JSON.stringify(state()) === written || waiting) return;
    const wait = last + EVERY_MS - Date.now();
    if (wait <= 0) {
      write();
      return;
    }
    waiting = true;
    setTimeout(() => {
      waiting = false;
      write();
    }, wait);
  });
  host().addEventListener("hashchange", () => {
    const params = readAddress();
    if (JSON.stringify(params) !== written && isOurs(location.hash)) accept(params);
  });
}

/** A link that shows exactly this, whatever its reader had last. */
export function linkTo(params: Params): string {
  const { location } = host();
  return new URL(withParams(location.hash, params), location.href).href;
}

function isOurs(hash: string): boolean {
  return /^#sparsity(&|$)/.test(hash);
}
