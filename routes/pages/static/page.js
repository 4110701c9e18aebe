// A page with data-refresh on its main part asks for itself every so many seconds and takes the new main part over.
// Without this script everything works; it is then reloaded by hand.
(() => {
  "use strict";
  const main = document.getElementById("main");
  let seconds = Number(main && main.dataset.refresh);
  if (!seconds) return;

  const inUse = (one) => main.contains(one) && one !== main && !one.matches(".scroll");
  const busy = () => document.hidden || main.querySelector("details[open]") || inUse(document.activeElement) ||
    String(getSelection());
  // Answers to what was done are told once: the fresh main part has them no more, and they stay.
  const answers = [...main.querySelectorAll(":scope > .told")];
  const scrolling = () => [...main.querySelectorAll(".scroll")];
  let shown = "";

  const takeOver = (fresh) => {
    const places = scrolling().map((one) => one.scrollLeft);
    const focused = scrolling().indexOf(document.activeElement);
    [...main.childNodes].filter((one) => !answers.includes(one)).forEach((one) => one.remove());
    main.append(...fresh.childNodes);
    scrolling().forEach((one, place) => { one.scrollLeft = places[place] || 0; });
    if (focused >= 0) scrolling()[focused]?.focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (busy()) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
      if (fresh && !busy() && fresh.innerHTML !== shown) {
        shown = fresh.innerHTML;
        seconds = Number(fresh.dataset.refresh);
        takeOver(fresh);
      }
      main.classList.remove("stale");
    } catch {
      main.classList.add("stale");
    }
  };

  const round = () => setTimeout(async () => { await refresh(); if (seconds) round(); }, seconds * 1000);
  round();
})();
