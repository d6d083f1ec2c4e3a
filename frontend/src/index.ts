import { h, render as mount } from "preact";
import uplotStyles from "uplot/dist/uPlot.min.css?inline";
import { App } from "./app";
import { acceptLink, linkParams } from "./data/store";
import { followAddress, readAddress } from "./host/address";
import { followData } from "./host/reload";
import { followTheme } from "./host/theme";
import baseStyles from "./styles/base.css?inline";
import chartStyles from "./styles/charts.css?inline";
import compareStyles from "./styles/compare.css?inline";
import heatStyles from "./styles/heat.css?inline";
import reportStyles from "./styles/reports.css?inline";
import sidebarStyles from "./styles/sidebar.css?inline";
import stateStyles from "./styles/states.css?inline";
import summaryStyles from "./styles/summary.css?inline";
import tableStyles from "./styles/table.css?inline";
import tradeoffStyles from "./styles/tradeoff.css?inline";
import widthStyles from "./styles/widths.css?inline";

/** TensorBoard imports this module in the tab's iframe, and calls this. */
export function render(): void {
  const style = document.createElement("style");
  style.textContent = [
    uplotStyles,
    baseStyles,
    sidebarStyles,
    summaryStyles,
    chartStyles,
    tableStyles,
    heatStyles,
    tradeoffStyles,
    compareStyles,
    reportStyles,
    stateStyles,
    widthStyles,
  ].join("\n");
  document.head.append(style);
  document.documentElement.lang = "en";
  document.title = "Sparsity";
  followTheme();
  const linked = readAddress();
  if (Object.keys(linked).length > 0) acceptLink(linked);
  const root = document.createElement("div");
  document.body.append(root);
  mount(h(App, null), root);
  followData();
  followAddress(linkParams, acceptLink);
}
