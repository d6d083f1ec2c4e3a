import { h, render as mount } from "preact";
import uplotStyles from "uplot/dist/uPlot.min.css?inline";
import { App } from "./app";
import { followData } from "./host/reload";
import { followTheme } from "./host/theme";
import baseStyles from "./styles/base.css?inline";
import chartStyles from "./styles/charts.css?inline";
import sidebarStyles from "./styles/sidebar.css?inline";
import stateStyles from "./styles/states.css?inline";
import summaryStyles from "./styles/summary.css?inline";

/** TensorBoard imports this module in the tab's iframe, and calls this. */
export function render(): void {
  const style = document.createElement("style");
  style.textContent = [
    uplotStyles,
    baseStyles,
    sidebarStyles,
    summaryStyles,
    chartStyles,
    stateStyles,
  ].join("\n");
  document.head.append(style);
  document.documentElement.lang = "en";
  followTheme();
  const root = document.createElement("div");
  document.body.append(root);
  mount(h(App, null), root);
  followData();
}
