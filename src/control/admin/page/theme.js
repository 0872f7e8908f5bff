// Light or dark, before anything is drawn. What was chosen is kept in this browser; it says nothing of anybody.
"use strict";
try {
  const chosen = localStorage.getItem("curfew-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch { /* A browser that keeps nothing goes by the system. */ }
