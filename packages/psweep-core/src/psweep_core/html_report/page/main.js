// All of it, in the order of the page. What is far down is drawn later, so that the first screen is
// there at once.

document.body.append(tip);
drawHead();
startAnswers();
drawCauses();
drawRuns();
if (params.length) drawParams(); else $("params").remove();
drawSlowest();
$("made").textContent = `${data.database} as of ${when(data.made)} (your time). Made by psweep ${data.version}.`;
$("details-close").addEventListener("click", () => $("details").close());
$("details").addEventListener("close", () => setState("pset", null));
$("details").addEventListener("click", (event) => { if (event.target === $("details")) $("details").close(); });

const jobs = [...startPlots(), ...startParallel(), ...(seqs ? [startTable] : [])];
drawn.push(...jobs.filter((job) => job !== startTable));
if (!seqs) $("table").remove();

for (const section of document.querySelectorAll("main [data-title]")) {
  const link = el("a", { href: `#${section.id}`, onclick: (event) => {
    event.preventDefault(); // the address keeps the state
    if (section.tagName === "DETAILS") section.open = true;
    section.scrollIntoView();
    section.tabIndex = -1;
    section.focus({ preventScroll: true });
  } }, section.dataset.title);
  $("nav").append(link);
}
document.querySelector("a[href='#failures']")?.addEventListener("click", (event) => {
  event.preventDefault();
  $("failures").scrollIntoView();
});
$("skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("table").scrollIntoView();
  $("table-search").focus({ preventScroll: true });
});
for (const details of document.querySelectorAll("main details.fold")) {
  if (getState(details.id) !== null) details.open = true;
  details.addEventListener("toggle", () => setState(details.id, details.open ? "open" : null));
}

// Folded parts are printed, too.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details.fold:not([open])")];
  for (const details of folded) details.open = true;
});
addEventListener("afterprint", () => { for (const details of folded) details.open = false; });

// A page of a run that goes on: it was written again in the meantime. Not while somebody reads a
// pset, types, or has a menu open.
function reload() {
  const active = document.activeElement;
  const busy = $("details").open || document.querySelector("details.menu[open]") || (active && ["INPUT", "SELECT"].includes(active.tagName)) || document.hidden;
  if (busy) { setTimeout(reload, 1000); return; }
  setState("scroll", String(Math.round(scrollY)));
  location.reload();
}

const nextJob = () => {
  const job = jobs.shift();
  if (job) {
    job();
    setTimeout(nextJob, 0);
    return;
  }
  if (getState("scroll") !== null) {
    scrollTo(0, Number(getState("scroll")));
    setState("scroll", null);
  }
  const pset = getState("pset");
  const row = pset === null || !seqs ? undefined : allRows.find((one) => textOf(seqs.value(one)) === pset);
  if (row !== undefined) showDetails(row);
  document.body.dataset.ready = "yes";
  if (data.reload) setTimeout(reload, 1000 * data.reload);
};
setTimeout(nextJob, 0);
