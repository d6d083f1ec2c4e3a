import { h, render as mount } from "preact";
import uplotStyles from "uplot/dist/uPlot.min.css?inline";
import { App } from "./app";
import { followData } from "./host/reload";
import { followTheme } from "./host/theme";
import styles from "./styles.css?inline";

/** TensorBoard imports this module in the tab's iframe, and calls this. */
export function render(): void {
  const style = document.createElement("style");
  style.textContent = uplotStyles + styles;
  document.head.append(style);
  document.documentElement.lang = "en";
  followTheme();
  const root = document.createElement("div");
  document.body.append(root);
  mount(h(App, null), root);
  followData();
}
