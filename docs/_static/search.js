/* The search lists pages. Below each, link its sections that hold the most words of the query. */
"use strict";

if (typeof Search !== "undefined") {
  const MOST = 3; // sections of one page
  const AROUND = 90; // characters that are shown on both sides of a word
  const WORD = /[\p{Letter}\p{Number}_]+/gu;

  const excerpt = (text, place) => {
    const start = place > AROUND ? text.indexOf(" ", place - AROUND) + 1 : 0;
    const end = start + 2 * AROUND < text.length ? text.lastIndexOf(" ", start + 2 * AROUND) : text.length;
    return (start ? "… " : "") + text.slice(start, end) + (end < text.length ? " …" : "");
  };

  // Where the stems of the query are in a text: its matches, in their order.
  const matches = (text, stems) => {
    const stemmer = new Stemmer();
    return [...text.matchAll(WORD)]
      .map((match) => ({ stem: stemmer.stemWord(match[0].toLowerCase()), place: match.index }))
      .filter(({ stem }) => stems.has(stem));
  };

  const rated = (section, stems) => {
    const own = section.cloneNode(true);
    own.querySelectorAll(":scope > section").forEach((inner) => inner.remove());
    const heading = own.querySelector("h1, h2, h3, h4");
    const title = heading ? heading.textContent.trim() : "";
    if (heading) heading.remove();
    const text = own.textContent.replace(/\s+/g, " ").trim();
    const [inTitle, inText] = [matches(title, stems), matches(text, stems)];
    const different = new Set([...inTitle, ...inText].map(({ stem }) => stem)).size;
    // all words of the query first; among those, a heading counts more than many mentions
    const rating = 100 * different + 10 * inTitle.length + Math.min(inText.length, 9);
    return { id: section.id, title, text: excerpt(text, inText.length ? inText[0].place : 0), different, rating };
  };

  const summaryOfPage = Search.makeSearchSummary;
  Search.makeSearchSummary = (html, keywords, anchor) => {
    if (anchor) return summaryOfPage(html, keywords, anchor);
    const page = new DOMParser().parseFromString(html, "text/html");
    page.querySelectorAll(".headerlink, script, style").forEach((element) => element.remove());
    const sections = [...page.querySelectorAll('[role="main"] section[id]')];
    const found = sections.map((section) => rated(section, new Set(keywords)));
    const most = Math.max(...found.map(({ different }) => different));
    if (!(most > 0)) return summaryOfPage(html, keywords, anchor);
    const best = found.filter(({ different }) => different === most);
    best.sort((one, other) => other.rating - one.rating);
    const list = document.createElement("ul");
    list.classList.add("sections");
    for (const { id, title, text } of best.slice(0, MOST)) {
      const item = list.appendChild(document.createElement("li"));
      if (id !== sections[0].id) { // the first one is the page, whose link is above
        const link = item.appendChild(document.createElement("a"));
        link.textContent = title;
        // The list is put below the link to its page only after this function.
        queueMicrotask(() => (link.href = list.parentElement.querySelector("a").href + "#" + id));
      }
      item.appendChild(document.createElement("p")).textContent = text;
    }
    return list;
  };
}
