"""Pictures to move through: each a pure `render(state)` and a thin ipywidgets shell on it.

Import the part you need, for instance `from jacklib.widgets.attention import attention_widget`.
"""
