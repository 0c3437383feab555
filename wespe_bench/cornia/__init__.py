"""Models for the metrics CORNIA and HOSA: imported from the authors' files, or fitted."""
