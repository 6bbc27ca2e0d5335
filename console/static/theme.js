// Light or dark: as the system says, until the reader says otherwise.

const NAME = "ledger365.theme";

/** Applies the reader's choice, if there is one. */
export function applyTheme() {
  const chosen = localStorage.getItem(NAME);
  if (chosen) document.documentElement.dataset.theme = chosen;
}

/** Changes to the other one, and remembers. */
export function toggleTheme() {
  const dark =
    document.documentElement.dataset.theme === "dark" ||
    (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  localStorage.setItem(NAME, dark ? "light" : "dark");
  applyTheme();
}
