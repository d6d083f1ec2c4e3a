import { shownView, showView, views } from "./views";

/** The views of the page, as tabs: arrow keys move between them. */
export function Tabs() {
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const all = views.value;
    const next = all[(all.indexOf(shownView.value) + by + all.length) % all.length];
    if (!next) return;
    showView(next);
    document.getElementById(`tab-${next.name}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Views" onKeyDown={onKeyDown}>
      {views.value.map((one) => (
        <button
          key={one.name}
          type="button"
          role="tab"
          id={`tab-${one.name}`}
          aria-selected={one === shownView.value}
          tabIndex={one === shownView.value ? 0 : -1}
          onClick={() => showView(one)}
        >
          {one.label}
        </button>
      ))}
    </div>
  );
}
