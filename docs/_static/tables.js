// On a phone, the rows of a table are below each other (manual.css): each cell says which column it is of.
// Those in <div class="compare"> scroll sideways instead.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("article table.docutils:not(.compare *)")) {
    table.classList.add("stacked");
    const heads = [...table.querySelectorAll("thead th")].map((th) => th.textContent.trim());
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.cells].forEach((cell, i) => {
        if (i > 0 && heads[i] && cell.textContent.trim()) cell.dataset.label = heads[i];
      });
    }
  }
});
