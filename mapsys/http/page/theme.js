/** Light or dark: as the system says, or as the switch says. */

const CHOICES = ["auto", "light", "dark"];
const KEPT_AS = "mapsys-theme";

/** Put the switch into operation. */
export function startTheme(button) {
  show(button, localStorage.getItem(KEPT_AS) ?? "auto");
  button.addEventListener("click", () => {
    const chosen = CHOICES[(CHOICES.indexOf(button.dataset.theme) + 1) % CHOICES.length];
    localStorage.setItem(KEPT_AS, chosen);
    show(button, chosen);
  });
}

function show(button, kept) {
  const theme = CHOICES.includes(kept) ? kept : "auto";
  button.dataset.theme = theme;
  button.textContent = `Theme: ${theme}`;
  document.documentElement.dataset.theme = theme;
}
