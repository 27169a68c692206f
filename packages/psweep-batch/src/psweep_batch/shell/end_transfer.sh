rm -rf -- "$ps_calc/$ps_folder"
