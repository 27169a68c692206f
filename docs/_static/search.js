/* Search in sections instead of whole pages, while you type. conf.py writes what they say into sections.js. */
"use strict";

{
  const PAGES = 20; // the most that are listed
  const MOST = 3; // sections that are shown of one page
  const SUGGESTED = 6; // pages that are shown while you type
  const HEADING = 4; // what a word in a heading is worth: more than twice as much as in the text, where it is at most 2
  const LEAST = 0.05; // the rating of a page, as a share of the best, from which it is listed
  const AROUND = 90; // characters that are shown on both sides of a word
  const HIGHLIGHT = "sphinx_highlight_terms"; // where Sphinx keeps the words to highlight
  const WORD = /[\p{Letter}\p{Number}_]+/gu;
  // Words that mean the same here. The manual uses the first one; users type the others, too.
  const SAME = `
    analysis analyse analyze evaluate; cancel kill; comparison compare vs versus; colour color; core cpu processor; damaged corrupt; database db; exception raise throw; fail failure; folder directory; limit maximum max;
    machine computer; macos mac osx; mail email; mean average summarise summarize; memory ram oom; missing gone remaining unfinished; optimise optimize;
    performance speed fast overhead; plot graph chart figure visualise visualize visualisation visualization; program executable; read load; remove delete erase drop; resume continue restart; retry rerun recompute; save export; skip cache memoize; run calculation computation; study sweep;
    stop abort interrupt; take took; thread multithreading; torch pytorch`;
  // Words of questions that say nothing about what is asked.
  const FILLERS = "psweep can use using want need get make way possible per every without simulation simulations work works behavior behaviour happens my many multiple".split(" ");
  const LATER = /^(api|claims|gallery|glossary|migration)/; // pages that are listed below the others
  const LAST = /^(changelog|figures)/; // these have one long section with nearly all words
  const ASIDE = /^(comparison|performance|security|templates)$/; // these, if others are nearly as good

  const root = document.documentElement.dataset.content_root.replace(/^\.\//, "");
  let stemmer, sameStems; // once Sphinx's language_data.js is there
  const stems = new Map();
  const stemOf = (word) => {
    if (!stems.has(word)) stems.set(word, stemmer.stemWord(word.toLowerCase()));
    return sameStems.get(stems.get(word)) || stems.get(word);
  };
  const tells = (word) => !stopwords.has(word) && !FILLERS.includes(word) && !/^\d{1,2}$/.test(word);
  const telling = (text) => (text.match(WORD) || []).filter((word) => tells(word.toLowerCase()));
  const parts = (word) => (/^[A-Z]+(_[A-Z]+)+$/.test(word) ? [word, ...word.split("_")] : word); // CUDA_VISIBLE_DEVICES
  const wordsOf = (text) => telling(text).flatMap(parts).map(stemOf);

  // Whether one word becomes the other if letters are left out, added, changed or swapped, at most `most` of them.
  const isLike = (one, other, most) => {
    let before, row = [...other, ""].map((_letter, k) => k);
    for (let i = 1; i <= one.length; i++) {
      const next = [i];
      for (let k = 1; k <= other.length; k++) {
        next[k] = Math.min(row[k] + 1, next[k - 1] + 1, row[k - 1] + (one[i - 1] !== other[k - 1]));
        if (i > 1 && k > 1 && one[i - 1] === other[k - 2] && one[i - 2] === other[k - 1]) next[k] = Math.min(next[k], before[k - 2] + 1);
      }
      [before, row] = [row, next];
    }
    return row[other.length] <= most;
  };

  // For each word of the query, the stems that it may mean: its own, those that contain it if it is long
  // ("parameters" is in "hyperparameters"), or if it is on no page, those of the words that start with it, or else look like it.
  const meanings = (words) =>
    words.map((word) => {
      const [typed, stem] = [word.toLowerCase(), stemOf(word)];
      const found = new Set([...known].filter((one) => one === stem || (stem.length > 5 && one.includes(stem))));
      const ways = [(one) => typed.length > 1 && one.startsWith(typed), (one) => typed.length > 4 && isLike(typed, one, typed.length > 7 && typed[0] === one[0] ? 2 : 1)];
      for (const way of ways) if (!found.size) spelled.filter(way).forEach((one) => found.add(stemOf(one)));
      return found;
    });

  // What is typed as one word may be two or more: "OutOfMemory" is "Out Of Memory", and "gridsearch" is "grid search".
  const withoutCapitals = (query) => query.replace(/\w+/g, (word) => (known.has(stemOf(word)) ? word : word.replace(/([a-z])(?=[A-Z])/g, "$1 ")));
  const withSpaces = (query) => withoutCapitals(query).replace(/\w{7,}/g, (word) => {
    const typed = word.toLowerCase();
    const cuts = [...typed].map((_letter, k) => [typed.slice(0, k), typed.slice(k)]).slice(3, -2);
    const found = !known.has(stemOf(typed)) && cuts.find((both) => both.every((one) => known.has(stemOf(one))));
    return found ? found.join(" ") : word;
  });

  // What is typed as two words may be a name, "on error" is on_error, unless a heading has the two words, as "Dry run".
  const isName = (one, two) => spelled.includes(`${one}_${two}`.toLowerCase()) && !sections.some(({ stems: [title] }) => ` ${title.join(" ")} `.includes(` ${stemOf(one)} ${stemOf(two)} `));
  const withNames = (query) => query.replace(/\bheat map/i, "heatmap").replace(/(?=\b(\w+) (\w+))\1 /g, (one, first, second) => (isName(first, second) ? `${first}_` : one));

  // For each word of the query, what its best place in one section is worth; 0 if it is not there. A heading says what
  // its section is about, and a section has the words of the headings above it, too. Code seldom explains anything.
  const pointsOf = ({ stems }, wanted) =>
    wanted.map((one) => {
      const [title, above, prose, code] = stems.map((all) => all.filter((stem) => one.has(stem)).length);
      return title ? HEADING : prose ? 2 - 1 / (1 + prose) : above ? 1.5 : code ? 0.5 : 0;
    });

  const ratingOf = ({ page, titles, stems, points }, words, weights, phrase) => {
    const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);
    // a section with most of the words is better than one with one of them in its heading
    const share = sum(weights.filter((_one, i) => points[i])) / sum(weights);
    let rating = sum(points.map((one, i) => one * weights[i])) * share ** 2;
    // a heading that says little else is better; the title of a page may say more, as the page has more
    rating *= 1 + points.filter((one) => one === HEADING).length / (titles.length > 1 ? Math.max(1, stems[0].length) : words.length);
    const [inTitle, , inProse] = stems.map((all) => words.length > 1 && ` ${all.join(" ")}`.includes(phrase));
    rating *= inTitle ? 2 : inProse ? 1.5 : 1; // "progress bar" is more than progress and bar
    // the page of a function comes first for those who type its name
    const named = words.some((word) => word.includes("_") && titles[0].endsWith(`.${word}`));
    if (LATER.test(page) && !named) rating *= 0.25;
    if (LAST.test(page)) rating *= 0.06;
    return ASIDE.test(page) ? 0.6 * rating : rating;
  };

  // All sections that have a word of the query, the best first.
  const rated = (words, wanted) => {
    const phrase = ` ${words.map(stemOf).join(" ")}`;
    for (const section of sections) section.points = pointsOf(section, wanted);
    // a word that few sections have tells more than one that is everywhere; one that is nowhere tells nothing
    const weights = words.map((_word, i) => {
      const having = sections.filter(({ points }) => points[i]).length;
      return having && Math.log(1 + sections.length / having);
    });
    for (const section of sections) section.rating = ratingOf(section, words, weights, phrase);
    return sections.filter(({ rating }) => rating > 0).sort((one, other) => other.rating - one.rating);
  };

  let sections, known, spelled; // the last two: all stems, and all words, of the manual
  const load = (name) =>
    new Promise((done, failed) => {
      const script = document.createElement("script");
      Object.assign(script, { src: `${root}_static/${name}`, onload: done, onerror: failed });
      document.body.append(script);
    });
  let loading;
  const ready = () => (loading ||= (async () => {
    if (typeof Stemmer === "undefined") await load("language_data.js");
    await load("sections.js");
    stemmer = new Stemmer();
    sameStems = new Map();
    for (const group of SAME.split(";")) {
      const [first, ...others] = group.match(WORD).map((word) => stemmer.stemWord(word));
      for (const other of others) sameStems.set(other, first);
    }
    sections = SECTIONS.map(([page, id, titles, prose, code]) => {
      const title = titles[titles.length - 1];
      const above = titles.slice(0, -1).join(" ");
      return { page, id, titles, title, prose, code, stems: [title, above, prose, code].map(wordsOf) };
    });
    known = new Set(sections.flatMap(({ stems }) => stems.flat()));
    const texts = SECTIONS.flatMap(([, , titles, prose, code]) => [...titles, prose, code]);
    spelled = [...new Set(telling(`${SAME} ${texts.join(" ")}`.toLowerCase()))].filter((word) => known.has(stemOf(word)));
  })());

  const answerTo = (query) => {
    const words = [...new Map(telling(withNames(withSpaces(query))).map((word) => [stemOf(word), word])).values()];
    const wanted = meanings(words);
    const pages = new Map();
    for (const section of rated(words, wanted)) {
      if (!pages.has(section.page)) pages.set(section.page, []);
      pages.get(section.page).push(section);
    }
    const listed = [...pages.values()];
    if (!listed.length && words.length) { // the pages for questions of all kinds
      const all = ["troubleshooting", "faq", "cookbook"].map((page) => sections.find((one) => one.page === page && one.titles.length === 1));
      return { words, wanted, results: all.map((one) => [one]) };
    }
    return { words, wanted, results: listed.filter(([{ rating }]) => rating >= LEAST * listed[0][0].rating) };
  };

  // The part of a text with the most words of the query; these are marked.
  const excerpt = ({ prose, code }, wanted) => {
    const means = (word) => wanted.findIndex((one) => one.has(stemOf(word)));
    const matches = (text) => [...text.matchAll(WORD)].filter(([word]) => means(word) >= 0);
    const text = matches(prose).length || !matches(code).length ? prose || code : code;
    const places = matches(text).map(({ 0: word, index }) => ({ index, meaning: means(word) }));
    const near = ({ index }) =>
      new Set(places.filter((p) => p.index >= index && p.index < index + AROUND).map((p) => p.meaning)).size;
    const place = places.reduce((best, one) => (near(one) > near(best) ? one : best), places[0] || { index: 0 }).index;
    const start = place > AROUND ? text.indexOf(" ", place - AROUND) + 1 : 0;
    const end = start + 2 * AROUND < text.length ? text.lastIndexOf(" ", start + 2 * AROUND) : text.length;
    const shown = document.createElement("p");
    let last = start;
    shown.append(start ? "… " : "");
    for (const { 0: word, index } of matches(text)) {
      if (index < start || index + word.length > end) continue;
      const mark = document.createElement("span");
      mark.classList.add("highlighted");
      mark.textContent = word;
      shown.append(text.slice(last, index), mark);
      last = index + word.length;
    }
    shown.append(text.slice(last, end), end < text.length ? " …" : "");
    return shown;
  };

  const itemOf = (found, wanted) => {
    const { FILE_SUFFIX, LINK_SUFFIX } = DOCUMENTATION_OPTIONS;
    const address = root + found[0].page + (LINK_SUFFIX || FILE_SUFFIX);
    const item = document.createElement("li");
    const link = item.appendChild(document.createElement("a"));
    link.href = address;
    link.textContent = found[0].titles[0];
    const list = item.appendChild(document.createElement("ul"));
    list.classList.add("sections");
    const most = found[0].points.filter(Boolean).length;
    const best = found.filter(({ points }) => points.filter(Boolean).length === most).slice(0, MOST);
    best.sort((one, other) => (other.titles.length === 1) - (one.titles.length === 1)); // the page itself has no link here
    for (const section of best) {
      const entry = list.appendChild(document.createElement("li"));
      if (section.titles.length > 1) { // else it is the page, whose link is above
        const inner = entry.appendChild(document.createElement("a"));
        inner.href = `${address}#${section.id}`;
        inner.textContent = section.title;
      }
      entry.append(excerpt(section, wanted));
    }
    return item;
  };

  const summaryOf = ({ words, wanted, results }) => {
    const unknown = words.filter((_word, i) => !wanted[i].size);
    const count = results.length;
    const shown = count > PAGES ? `The best ${PAGES} of ${count} pages` : count === 1 ? "1 page" : `${count} pages`;
    if (!words.length) return "Please add a more specific word.";
    if (!unknown.length) return `${shown}:`;
    return `No page has ${unknown.join(", ")}. ${unknown.length < words.length ? `${shown} with other words:` : "These may help:"}`;
  };

  const results = document.getElementById("search-results");
  if (results) { // the page of results, with a field of its own: on a phone, the other one is hidden
    const form = document.createElement("form");
    form.innerHTML = `<h1>Search the manual</h1><input type="search" name="q" aria-label="Search the manual"> <button>Search</button>`;
    form.elements.q.value = new URLSearchParams(location.search).get("q") || "";
    if (!form.elements.q.value.trim()) results.textContent = "Type words, such as “error bars” or “run on SLURM”, or the name of a function.";
    results.before(form);
    const show = (query) => {
      const answer = answerTo(query);
      Search._parseQuery(query); // keeps the words that the next page highlights,
      const words = localStorage.getItem(HIGHLIGHT);
      localStorage.removeItem(HIGHLIGHT); // but only a page that is opened from here
      Search.output.onclick = () => localStorage.setItem(HIGHLIGHT, words);
      Search.output.replaceChildren(...answer.results.slice(0, PAGES).map((found) => itemOf(found, answer.wanted)));
      Search.stopPulse();
      Search.title.textContent = "Search results";
      Search.status.textContent = summaryOf(answer);
    };
    const queryPages = Search.query;
    Search.query = (query) => ready().then(() => show(query), () => queryPages(query));
  }

  // The best pages, next to the field, while you type.
  const field = document.querySelector("input.sidebar-search");
  if (field) {
    const panel = document.createElement("div");
    panel.id = "search-while-typing";
    panel.hidden = true;
    document.body.append(panel);
    const suggest = () => {
      const query = field.value.trim();
      panel.hidden = query.length < 2;
      if (panel.hidden) return;
      const { left, bottom } = field.getBoundingClientRect();
      Object.assign(panel.style, { left: `${left}px`, top: `${bottom}px` });
      const { results, wanted } = answerTo(query);
      const list = document.createElement("ul");
      list.append(...results.slice(0, SUGGESTED).map((found) => itemOf(found.slice(0, 1), wanted)));
      panel.replaceChildren(list);
    };
    field.autocomplete = "off";
    field.addEventListener("focus", () => ready().catch(() => {}));
    field.addEventListener("input", () => ready().then(suggest, () => {}));
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") panel.hidden = true; });
    document.addEventListener("click", (event) => { if (!panel.contains(event.target) && event.target !== field) panel.hidden = true; });
  }
}
