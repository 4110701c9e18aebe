// A page with data-refresh on its main part asks for itself every so many seconds and takes the new main part over.
// Without this script everything works; it is then reloaded by hand.
(() => {
  "use strict";
  const main = document.getElementById("main");
  const seconds = Number(main && main.dataset.refresh);
  if (!seconds) return;

  const busy = () => document.hidden || main.querySelector("details[open]") ||
    main.contains(document.activeElement) && document.activeElement !== main || String(getSelection());

  const refresh = async () => {
    if (busy()) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
      if (fresh && !busy() && fresh.innerHTML !== main.innerHTML) main.innerHTML = fresh.innerHTML;
      main.classList.remove("stale");
    } catch {
      main.classList.add("stale");
    }
  };

  const round = () => setTimeout(async () => { await refresh(); round(); }, seconds * 1000);
  round();
})();
