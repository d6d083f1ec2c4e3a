import { reload } from "../data/store";
import { HOST_MESSAGES } from "../names";

const EVERY_MS = 30_000;

/** TensorBoard gives a tab that isn't shown no height. */
function isVisible(): boolean {
  return document.visibilityState === "visible" && window.innerHeight > 0;
}

/** Keeps the page up to date: on TensorBoard's own reloads, and every half minute while seen. */
export function followData(): void {
  let last = Date.now();
  const look = () => {
    last = Date.now();
    void reload();
  };
  const lookIfOld = () => {
    if (isVisible() && Date.now() - last >= EVERY_MS) look();
  };
  setInterval(lookIfOld, 1000);
  document.addEventListener("visibilitychange", lookIfOld);
  listenToHost(look);
  look();
}

function listenToHost(onReload: () => void): void {
  if (window.parent === window) return;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => {
    let message: { type?: unknown; id?: unknown; isReply?: unknown };
    try {
      message = JSON.parse(String(data)) ?? {};
    } catch {
      return;
    }
    if (message.isReply === true) return;
    if (message.type === HOST_MESSAGES.dataReloaded) onReload();
    // The host waits for an answer to everything it says.
    const { type, id } = message;
    port1.postMessage(JSON.stringify({ type, id, payload: null, error: null, isReply: true }));
  };
  window.parent.postMessage(HOST_MESSAGES.bootstrap, window.location.origin, [port2]);
}
