// The pages lie side by side at the root: Streamlit need not try where its server is.
window.__streamlit = { BACKEND_BASE_URL: `${location.origin}/` };
