// Controls: menus, boxes to tick, and what was chosen, which is kept in the address of the page.

function psetButton(row) {
  return el("button", { type: "button", class: "link", title: "all of this pset", onclick: () => showDetails(row) }, seqs.value(row));
}

// A cell of a column as tables show it: its numbers have one form.
function shownIn(column, row, most = 60) {
  const value = column.value(row);
  return typeof value === "number" ? el("span", { title: exactText(value) }, column.textOf(value)) : shownValue(value, most);
}

function options(select, groups, chosen) {
  select.replaceChildren(...groups.filter(([, list]) => list.length).map(([title, list]) => {
    const group = el("optgroup", { label: title });
    group.append(...list.map((column) => {
      const option = el("option", { value: String(column.place) }, shortText(column.name, 40));
      option.dataset.key = column.name;
      return option;
    }));
    return group;
  }));
  if (chosen) select.value = String(chosen.place);
}

const chosenIn = (select) => (select.value === "" ? null : columns[Number(select.value)]);

function checks(box, list, isOn, onChange) {
  const titles = { param: "parameters", result: "results", book: "bookkeeping" };
  box.replaceChildren();
  for (const role of ["param", "result", "book"]) {
    const some = list.filter((column) => column.role === role);
    if (some.length) box.append(el("h4", {}, titles[role]));
    for (const column of some) {
      const input = el("input", { type: "checkbox", checked: isOn(column), onchange: () => onChange(column, input.checked) });
      box.append(el("label", {}, input, " ", shortText(column.name, 40)));
    }
  }
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// ---- state ----

const address = new URLSearchParams(location.hash.slice(1));

function setState(key, value) {
  if (value === null || value === undefined || value === "") address.delete(key);
  else address.set(key, value);
  const text = address.toString();
  history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
}

const getState = (key) => address.get(key);

// A select whose choice is part of the address; `onChange` is called after each choice.
function bind(select, key, onChange) {
  const usual = select.value;
  const wanted = getState(key);
  if (wanted !== null && [...select.options].some((option) => option.dataset.key === wanted || option.value === wanted)) {
    select.value = [...select.options].find((option) => option.dataset.key === wanted || option.value === wanted).value;
  }
  select.addEventListener("change", () => {
    const option = select.selectedOptions[0];
    setState(key, select.value === usual ? null : option.dataset.key || select.value);
    onChange();
  });
}

// A box to tick, in the same way; `usual` returns how it is as long as nobody has changed it.
function bindBox(box, usual, onChange) {
  if (getState(box.id) !== null && !box.disabled) box.checked = getState(box.id) === "yes";
  box.addEventListener("change", () => {
    setState(box.id, box.checked === usual() ? null : box.checked ? "yes" : "no");
    onChange();
  });
}
