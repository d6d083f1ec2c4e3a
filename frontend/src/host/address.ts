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

/** Keeps the address in step with the page, and the page with an address that the user changes. */
export function followAddress(state: () => Params, accept: (params: Params) => void): void {
  const { history, location } = host();
  let written = JSON.stringify(readAddress());
  effect(() => {
    const params = state();
    const text = JSON.stringify(params);
    if (text === written) return;
    written = text;
    // Replaced, not pushed: "back" leaves the tab and doesn't undo each click in it.
    history.replaceState(history.state, "", withParams(location.hash, params));
  });
  host().addEventListener("hashchange", () => {
    const params = readAddress();
    if (JSON.stringify(params) !== written && isOurs(location.hash)) accept(params);
  });
}

/** The tab's own address as a link. */
export function addressLink(): string {
  return host().location.href;
}

function isOurs(hash: string): boolean {
  return /^#sparsity(&|$)/.test(hash);
}
