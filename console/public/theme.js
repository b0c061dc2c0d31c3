// Loaded before the first paint, so that a remembered theme does not flash.
try {
  var theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch (_) {
  // Storage is forbidden: the system's theme it is.
}
