"""What every training here writes and does alike: its state, its journal, its device."""
