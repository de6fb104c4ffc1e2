// Whoever is signed out by the service in the midst of a visit is led to the login, and back afterwards.
new MutationObserver(() => {
  if (document.querySelector(".ts-leave")) {
    const here = location.pathname + location.search;
    location.replace(`/login?next=${encodeURIComponent(here)}`);
  }
}).observe(document.documentElement, { childList: true, subtree: true });
