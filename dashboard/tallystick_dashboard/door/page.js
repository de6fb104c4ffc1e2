// Whoever is signed out by the service in the midst of a visit is led to the login, and back afterwards.
new MutationObserver(() => {
  const leave = document.querySelector(".ts-leave");
  if (leave) {
    const query = leave.dataset.query;
    const here = location.pathname + (query ? `?${query}` : "");
    location.replace(`/login?next=${encodeURIComponent(here)}`);
  }
}).observe(document.documentElement, { childList: true, subtree: true });
